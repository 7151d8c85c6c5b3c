{{/* All objects of a service with gRPC, a database and events. A thin chart includes only this template. */}}
{{- define "lib.service" -}}
{{- /* Each Deployment has a separate context, in which the values of its role replace those of the chart. */}}
{{- $separate := list -}}
{{- $together := list "serve" -}}
{{- range $role := tuple "relay" "subscribe" "work" -}}
{{- if (index $.Values.roles $role).separate -}}
{{- $separate = append $separate $role -}}
{{- else -}}
{{- $together = append $together $role -}}
{{- end -}}
{{- end -}}
{{- $values := deepCopy .Values -}}
{{- if has "subscribe" $separate -}}
{{- $_ := set $values "keda" (dict "enabled" false) -}}
{{- end -}}
{{- $serve := dict "Component" "serve" "Roles" $together "Path" "" "Values" $values "Chart" .Chart "Release" .Release "Capabilities" .Capabilities "Template" .Template -}}
{{- $deployments := list $serve -}}
{{- range $role := $separate -}}
{{- $own := index $.Values.roles $role -}}
{{- $values := deepCopy $.Values -}}
{{- $_ := set $values "replicas" $own.replicas -}}
{{- $_ := set $values "autoscaling" ($own.autoscaling | default (dict "enabled" false)) -}}
{{- $_ := set $values "resources" ($own.resources | default $.Values.resources) -}}
{{- $_ := set $values.database "pool" $own.pool -}}
{{- if ne $role "subscribe" -}}
{{- $_ := set $values "keda" (dict "enabled" false) -}}
{{- end -}}
{{- $deployments = append $deployments (dict "Component" $role "Roles" (list $role) "Path" (printf "roles.%s." $role) "Values" $values "Chart" $.Chart "Release" $.Release "Capabilities" $.Capabilities "Template" $.Template) -}}
{{- end -}}
{{- include "lib.check-service" (dict "root" . "deployments" $deployments) -}}
{{- include (printf "%s.check" .Chart.Name) $serve -}}
{{- range $deployments }}
---
{{ include "lib.deployment" (dict "root" . "component" .Component "grace" .Values.terminationGracePeriodSeconds "pod" (include "lib.service-pod" .)) }}
{{- if .Values.keda.enabled }}
---
{{ include "lib.scaled-object" . }}
{{- end }}
{{- end }}
---
{{ include "lib.headless-service" (dict "root" . "component" "serve" "protocol" "grpc" "port" 50051 "appProtocol" "grpc") }}
{{- if not .Values.tls.existingSecret }}
---
{{ include "lib.certificate" (dict "root" . "name" .Chart.Name) }}
{{- end }}
{{- if ne .Values.migration.mode "none" }}
---
{{ include "lib.migration" . }}
{{- end }}
{{- if .Values.global.networkPolicy.enabled }}
{{ include "lib.service-policies" (dict "root" . "deployments" $deployments) }}
{{- end }}
---
{{ include "lib.service-test" . }}
{{- end }}

{{/* The environment of `serve` and `check`. The pods of a Deployment have Roles; `check` checks all roles. */}}
{{- define "lib.service-env" -}}
{{ include "lib.command-env" . }}
{{- with .Roles }}
- { name: PROCTORIUM_PROCESS_ROLES, value: {{ join "," . | quote }} }
{{- end }}
- { name: PROCTORIUM_LISTEN, value: "0.0.0.0:50051" }
- { name: PROCTORIUM_PROBE_ADDRESS, value: "0.0.0.0:50052" }
- { name: PROCTORIUM_NATS_REQUIRED, value: {{ .Values.nats.required | quote }} }
- { name: PROCTORIUM_DRAIN_WAIT, value: {{ .Values.drain.waitSeconds | quote }} }
- { name: PROCTORIUM_DRAIN_GRACE, value: {{ .Values.drain.graceSeconds | quote }} }
- { name: PROCTORIUM_DATABASE_POOL, value: {{ .Values.database.pool | quote }} }
{{ include "lib.tls-env" . }}
{{ include "lib.telemetry-env" . }}
{{- range (index (include "lib.topology" . | fromJson) .Chart.Name).calls }}
- { name: PROCTORIUM_{{ upper . }}_ADDRESS, value: "{{ include "lib.host" (dict "root" $ "name" .) }}:50051" }
{{- end }}
{{- end }}

{{/* The environment of every command, also of `migrate`, which needs neither certificates nor addresses. */}}
{{- define "lib.command-env" -}}
- name: PROCTORIUM_DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ .Values.database.existingSecret }}, key: {{ .Values.database.secretKey }} } }
- { name: PROCTORIUM_NATS_URL, value: {{ include "lib.nats-url" . | quote }} }
{{ include "lib.log-env" . }}
{{- with include (printf "%s.env" .Chart.Name) . }}
{{ . }}
{{- end }}
{{- range $variable, $value := .Values.settings }}
- { name: {{ $variable }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{- define "lib.log-env" -}}
- { name: PROCTORIUM_LOG_FORMAT, value: json }
- { name: LOG_LEVEL, value: {{ .Values.global.logLevel }} }
{{- end }}

{{- define "lib.tls-env" -}}
- { name: PROCTORIUM_TLS_CERTIFICATE, value: /certificates/tls.crt }
- { name: PROCTORIUM_TLS_KEY, value: /certificates/tls.key }
- { name: PROCTORIUM_TLS_AUTHORITY, value: /certificates/ca.crt }
{{- end }}

{{- define "lib.telemetry-env" -}}
{{- with include "lib.otlp-endpoint" . -}}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{ end -}}
- { name: OTEL_TRACES_SAMPLER_ARG, value: {{ .Values.global.telemetry.sampleRatio | quote }} }
- { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
- { name: OTEL_RESOURCE_ATTRIBUTES, value: "k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(POD_NAME)" }
{{- end }}

{{/* The variables that the chart sets, as a YAML list. */}}
{{- define "lib.variables" -}}
{{- $values := set (deepCopy .Values) "settings" dict -}}
{{- $root := dict "Roles" (list "serve") "Values" $values "Chart" .Chart "Release" .Release "Capabilities" .Capabilities "Template" .Template -}}
{{- range include "lib.service-env" $root | fromYamlArray }}
- {{ .name }}
{{- end }}
- PROCTORIUM_MIGRATION_DATABASE_URL
{{- end }}

{{- define "lib.certificate-volume" -}}
- name: certificates
  secret: { secretName: {{ include "lib.certificate-secret" . }}, defaultMode: 0440 }
{{- end }}

{{- define "lib.service-pod" -}}
containers:
  - name: {{ .Component }}
    image: {{ include "lib.image" (dict "root" . "image" .Values.image) }}
    imagePullPolicy: {{ .Values.global.image.pullPolicy }}
    args: [serve]
    {{- include "lib.container-security" . | nindent 4 }}
    env: {{- include "lib.service-env" . | nindent 6 }}
    ports:
      - { name: grpc, containerPort: 50051 }
      - { name: probe, containerPort: 50052 }
    startupProbe:
      grpc: { port: 50052, service: live }
      periodSeconds: 2
      timeoutSeconds: 3
      failureThreshold: 60
    livenessProbe:
      grpc: { port: 50052, service: live }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      grpc: { port: 50052 }
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    {{- if and (has "serve" .Roles) (gt (int .Values.drain.preStopSeconds) 0) }}
    lifecycle:
      {{- /* New calls stop arriving before the service refuses them. */}}
      preStop: { sleep: { seconds: {{ .Values.drain.preStopSeconds }} } }
    {{- end }}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - { name: certificates, mountPath: /certificates, readOnly: true }
      - { name: tmp, mountPath: /tmp }
      {{- if has "serve" .Roles }}
      {{- with include (printf "%s.mounts" .Chart.Name) . }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- end }}
volumes:
  {{- include "lib.certificate-volume" (dict "root" . "name" .Chart.Name) | nindent 2 }}
  - { name: tmp, emptyDir: { sizeLimit: 256Mi } }
  {{- if has "serve" .Roles }}
  {{- with include (printf "%s.volumes" .Chart.Name) . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* The Job that migrates the database. Only this Job mounts the Secret of the owner of the tables. */}}
{{- define "lib.migration" -}}
{{- $mode := .Values.migration.mode -}}
{{- if eq $mode "auto" -}}
{{- $mode = ternary "job" "hook" (and .Values.global.trial.postgres .Release.IsInstall) -}}
{{- end -}}
{{- $hook := eq $mode "hook" -}}
{{- $labels := dict "root" . "component" "migration" -}}
{{- $spec := include "lib.migration-spec" . -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- /* The spec of a Job cannot change. Without the hook, each change of the spec therefore needs a Job with another name. */}}
  name: {{ .Chart.Name }}-migration{{ if not $hook }}-{{ sha256sum $spec | trunc 8 }}{{ end }}
  labels: {{- include "lib.labels" $labels | nindent 4 }}
  {{- if or $hook .Values.migration.annotations }}
  annotations:
    {{- if $hook }}
    helm.sh/hook: {{ ternary "pre-upgrade" "pre-install,pre-upgrade" (eq .Values.global.trial.postgres true) }}
    helm.sh/hook-weight: "-5"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    {{- end }}
    {{- with .Values.migration.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  {{- $spec | nindent 2 }}
{{- end }}

{{- define "lib.migration-spec" -}}
backoffLimit: {{ .Values.migration.backoffLimit }}
activeDeadlineSeconds: {{ .Values.migration.activeDeadlineSeconds }}
template:
  metadata:
    labels: {{- include "lib.labels" (dict "root" . "component" "migration") | nindent 6 }}
  spec:
    restartPolicy: Never
    {{- include "lib.pod-security" dict | nindent 4 }}
    {{- with include "lib.placement" . | trim }}{{ . | nindent 4 }}{{ end }}
    containers:
      - name: migrate
        image: {{ include "lib.image" (dict "root" . "image" .Values.image) }}
        imagePullPolicy: {{ .Values.global.image.pullPolicy }}
        args: [migrate]
        {{- include "lib.container-security" . | nindent 8 }}
        env:
          {{- include "lib.command-env" . | nindent 10 }}
          - name: PROCTORIUM_MIGRATION_DATABASE_URL
            valueFrom: { secretKeyRef: { name: {{ .Values.migration.existingSecret }}, key: {{ .Values.migration.secretKey }} } }
        resources:
          requests: { cpu: 100m, memory: 192Mi }
          limits: { memory: 512Mi }
        volumeMounts:
          - { name: tmp, mountPath: /tmp }
    volumes:
      - { name: tmp, emptyDir: { sizeLimit: 64Mi } }
{{- end }}

{{/* Where Jobs and test pods run. */}}
{{- define "lib.placement" -}}
{{- with .Values.global.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* `helm test`: the command `check` with the settings, certificate and network of the service. It calls enrollment for its signing keys. */}}
{{- define "lib.service-test" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Chart.Name }}-test
  labels: {{- include "lib.labels" (dict "root" . "component" "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  {{- include "lib.pod-security" dict | nindent 2 }}
  {{- with include "lib.placement" . | trim }}{{ . | nindent 2 }}{{ end }}
  containers:
    - name: check
      image: {{ include "lib.image" (dict "root" . "image" .Values.image) }}
      imagePullPolicy: {{ .Values.global.image.pullPolicy }}
      args: [check]
      {{- include "lib.container-security" . | nindent 6 }}
      env: {{- include "lib.service-env" . | nindent 8 }}
      resources:
        requests: { cpu: 50m, memory: 192Mi }
        limits: { memory: 512Mi }
      volumeMounts:
        - { name: certificates, mountPath: /certificates, readOnly: true }
        - { name: tmp, mountPath: /tmp }
  volumes:
    {{- include "lib.certificate-volume" (dict "root" . "name" .Chart.Name) | nindent 4 }}
    - { name: tmp, emptyDir: { sizeLimit: 64Mi } }
{{- end }}

{{/* KEDA: the number of pods that handle events according to their CPU use and the waiting events of each consumer of the topology. */}}
{{- define "lib.scaled-object" -}}
{{- $keda := .Values.keda -}}
{{- $name := include "lib.deployment-name" (dict "root" . "component" .Component) -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels: {{- include "lib.labels" (dict "root" . "component" .Component) | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ $name }} }
  minReplicaCount: {{ $keda.minReplicas }}
  maxReplicaCount: {{ $keda.maxReplicas }}
  cooldownPeriod: 600
  triggers:
    - type: cpu
      metricType: Utilization
      metadata: { value: {{ $keda.cpuPercent | quote }} }
    {{- range (index (include "lib.topology" . | fromJson) .Chart.Name).consumers }}
    - type: nats-jetstream
      metadata:
        natsServerMonitoringEndpoint: {{ $keda.natsMonitoringEndpoint | quote }}
        account: {{ $keda.natsAccount | quote }}
        stream: {{ .stream }}
        consumer: {{ .consumer }}
        lagThreshold: {{ $keda.lagThreshold | quote }}
    {{- end }}
{{- end }}
