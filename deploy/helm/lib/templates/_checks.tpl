{{/* Fails unless a value is set. Parameters: root, path, value, meaning. */}}
{{- define "lib.require" -}}
{{- if not .value -}}
{{- fail (printf "%s: %s is empty. %s" .root.Chart.Name .path .meaning) -}}
{{- end -}}
{{- end }}

{{/* Fails for values that no chart accepts. A role has a Path, the beginning of the names of its values. */}}
{{- define "lib.check-pod" -}}
{{- $name := .Chart.Name -}}
{{- $path := .Path | default "" -}}
{{- $keda := (.Values.keda | default dict).enabled -}}
{{- if not (kindIs "invalid" .Values.replicas) -}}
{{- if or .Values.autoscaling.enabled $keda -}}
{{- fail (printf "%s: %sreplicas is %v, and %s sets the number of pods too. Remove replicas (null), or turn the other off." $name $path .Values.replicas (ternary "keda" "autoscaling" (eq $keda true))) -}}
{{- end -}}
{{- if lt (int .Values.replicas) 1 -}}
{{- fail (printf "%s: %sreplicas is %v. A service needs at least 1 pod. To leave the chart out, set enabled to false." $name $path .Values.replicas) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled $keda -}}
{{- fail (printf "%s: %sautoscaling and keda are both enabled. Only one of them can set the number of pods." $name $path) -}}
{{- end -}}
{{- range $kind, $scaler := dict (printf "%sautoscaling" $path) .Values.autoscaling "keda" (.Values.keda | default dict) -}}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- fail (printf "%s: %s.minReplicas (%v) is larger than %s.maxReplicas (%v)." $name $kind $scaler.minReplicas $kind $scaler.maxReplicas) -}}
{{- end -}}
{{- end -}}
{{- if eq (include "lib.surge" .) "0" -}}
{{- fail (printf "%s: maxSurge is %v, so a rolling update could not start a new pod before it ends an old one. Set it to at least 1." $name .Values.maxSurge) -}}
{{- end -}}
{{- include "lib.check-global" . -}}
{{- end }}

{{- define "lib.check-global" -}}
{{- $name := .Chart.Name -}}
{{- $global := .Values.global -}}
{{- if $global.production -}}
{{- range $part, $on := $global.trial -}}
{{- if $on -}}
{{- fail (printf "%s: global.trial.%s is true, but global.production is true as well. The trial parts have no replica and no backup. Use your own, or set global.production to false for a trial." $name $part) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^https?://[^/]+$" $global.publicUrl) -}}
{{- fail (printf "%s: global.publicUrl is %q. Set the address of Proctorium in browsers without a path, such as https://exams.example.org." $name $global.publicUrl) -}}
{{- end -}}
{{- if and $global.production (not (hasPrefix "https://" $global.publicUrl)) -}}
{{- fail (printf "%s: global.publicUrl is %q. In production it must begin with https://, because cookies are sent only over HTTPS." $name $global.publicUrl) -}}
{{- end -}}
{{- end }}

{{/* Fails for values that no service with a database accepts. Parameters: root, deployments (the context of each Deployment). */}}
{{- define "lib.check-service" -}}
{{- range .deployments -}}{{- include "lib.check-pod" . -}}{{- end -}}
{{- include "lib.check-connections" . -}}
{{- include "lib.check-settings" .root -}}
{{- end }}

{{/* Fails for values of Secrets, settings and times that no service with a database accepts. */}}
{{- define "lib.check-settings" -}}
{{- $name := .Chart.Name -}}
{{- include "lib.require" (dict "root" . "path" "database.existingSecret" "value" .Values.database.existingSecret "meaning" (printf "Name a Secret of this namespace whose key %s has the URL of the service's database. The charts create no secrets; deploy/helm/write_secrets.py writes them for a trial." .Values.database.secretKey)) -}}
{{- if ne .Values.migration.mode "none" -}}
{{- include "lib.require" (dict "root" . "path" "migration.existingSecret" "value" .Values.migration.existingSecret "meaning" (printf "Name a Secret of this namespace whose key %s has the database URL of the role that owns the tables." .Values.migration.secretKey)) -}}
{{- if and (eq .Values.migration.existingSecret .Values.database.existingSecret) (eq .Values.migration.secretKey .Values.database.secretKey) -}}
{{- fail (printf "%s: database and migration use the same key of the same Secret. The role of the service must not own the tables." $name) -}}
{{- end -}}
{{- end -}}
{{- include "lib.require" (dict "root" . "path" "global.nats.url" "value" (include "lib.nats-url" .) "meaning" "Set the addresses of the NATS servers, such as nats://nats.example.org:4222.") -}}
{{- include "lib.check-certificate" . -}}
{{- $drain := .Values.drain -}}
{{- $needed := add (int $drain.preStopSeconds) (int $drain.waitSeconds) (mul 2 (int $drain.graceSeconds)) 5 -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "%s: terminationGracePeriodSeconds is %v, but a shutdown may take %d s: preStopSeconds + waitSeconds + 2 × graceSeconds + 5. The kubelet would kill the pod before the shutdown is complete." $name .Values.terminationGracePeriodSeconds $needed) -}}
{{- end -}}
{{- range $variable, $value := .Values.settings -}}
{{- if has $variable (include "lib.variables" $ | fromYamlArray) -}}
{{- fail (printf "%s: settings.%s is set by the chart itself. Use the value of the chart that sets it." $name $variable) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.keda.enabled (not .Values.keda.natsMonitoringEndpoint) -}}
{{- fail (printf "%s: keda.natsMonitoringEndpoint is empty. KEDA reads the lag of the consumers there: set host:port." $name) -}}
{{- end -}}
{{- end }}

{{/* Fails if the pods of all Deployments may open more connections than the database server grants. Parameters: root, deployments. */}}
{{- define "lib.check-connections" -}}
{{- $granted := .root.Values.database.maxConnections -}}
{{- $connections := 0 -}}
{{- $parts := list -}}
{{- range .deployments -}}
{{- $pods := add (include "lib.max-replicas" . | int) (include "lib.surge" . | int) -}}
{{- $connections = add $connections (mul $pods (include "lib.connections-per-pod" . | int)) -}}
{{- $parts = append $parts (printf "%s: %s pods and %s more during an update, %s connections each" .Component (include "lib.max-replicas" .) (include "lib.surge" .) (include "lib.connections-per-pod" .)) -}}
{{- end -}}
{{- if gt (int $connections) (int $granted) -}}
{{- fail (printf "%s: the pods may open %d database connections (%s), but database.maxConnections is %v. Lower the pools or the number of pods, or raise the limit of the server." .root.Chart.Name $connections (join "; " $parts) $granted) -}}
{{- end -}}
{{- end }}

{{/*
The connections that one pod may open: the pool, four for single statements, one for LISTEN, one at start, one for the relay, and those that
only this service has (`<chart>.connections`).
*/}}
{{- define "lib.connections-per-pod" -}}
{{ add (int .Values.database.pool) 6 (ternary 1 0 (has "relay" .Roles)) (include (printf "%s.connections" .Chart.Name) . | int) }}
{{- end }}

{{- define "lib.check-certificate" -}}
{{- if not (or .Values.tls.existingSecret .Values.global.trial.authority .Values.global.tls.issuer.name) -}}
{{- fail (printf "%s: there is no certificate for mutual TLS. Set global.tls.issuer.name to an issuer of cert-manager, or tls.existingSecret to a Secret with tls.crt, tls.key and ca.crt." .Chart.Name) -}}
{{- end -}}
{{- end }}
