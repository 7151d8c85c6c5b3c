{{/* The labels and the selector of a trial part. Parameters: root, name. */}}
{{- define "proctorium.part" -}}
{{ include "lib.labels" (dict "root" .root "name" .name "component" "trial") }}
{{- end }}
{{- define "proctorium.part-selector" -}}
{{ include "lib.selector" (dict "root" .root "name" .name "component" "trial") }}
{{- end }}

{{/* A policy of a trial part: some pods may connect to some ports, and the part connects to nothing. Parameters: root, name, from (names of pods), ports, dns. */}}
{{- define "proctorium.part-policy" -}}
{{- $ports := list -}}
{{- range .ports }}{{ $ports = append $ports (dict "protocol" "TCP" "port" .) }}{{ end -}}
{{- $from := list (dict "podSelector" (dict "matchExpressions" (list (dict "key" "app.kubernetes.io/name" "operator" "In" "values" .from)))) -}}
{{ include "lib.network-policy" (dict "root" .root "name" .name "selected" .name "components" (list "trial") "ingress" (toYaml (list (dict "from" $from "ports" $ports)))) }}
{{- end }}

{{/* A Service of a trial part. Parameters: root, name, ports (a map from the name to the number). */}}
{{- define "proctorium.part-service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels: {{- include "proctorium.part" . | nindent 4 }}
spec:
  clusterIP: None
  {{- /* The names of a StatefulSet's pods resolve before the pods are ready, so that clients do not cache that a name does not exist. */}}
  publishNotReadyAddresses: true
  selector: {{- include "proctorium.part-selector" . | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - { name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }} }
    {{- end }}
{{- end }}

{{/* The services with a database: all except the portal. */}}
{{- define "proctorium.databases" -}}
{{ without (include "lib.topology" . | fromJson | keys | sortAlpha) "portal" | toYaml }}
{{- end }}

{{/* Fails for values that the trial parts do not accept. */}}
{{- define "proctorium.check" -}}
{{- include "lib.check-global" . -}}
{{- if .Values.global.trial.postgres -}}
{{- include "lib.require" (dict "root" . "path" "trial.postgres.existingSecret" "value" .Values.trial.postgres.existingSecret "meaning" "Name a Secret of this namespace with the passwords of the databases. deploy/helm/write_secrets.py writes it.") -}}
{{- $granted := 10 -}}
{{- range include "proctorium.databases" . | fromYamlArray -}}
{{- if (index $.Values .).enabled -}}
{{- $granted = add $granted (index $.Values . "database").maxConnections -}}
{{- end -}}
{{- end -}}
{{- if gt (int $granted) (int .Values.trial.postgres.maxConnections) -}}
{{- fail (printf "proctorium: the services may open %d database connections (the sum of database.maxConnections, and 10 in reserve), but trial.postgres.maxConnections is %v. Raise it, or lower the limits of the services." $granted .Values.trial.postgres.maxConnections) -}}
{{- end -}}
{{- end -}}
{{- end }}
