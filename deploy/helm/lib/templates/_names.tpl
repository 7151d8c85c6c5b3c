{{/* The labels of an object. Parameters: root, component. */}}
{{- define "lib.labels" -}}
{{ include "lib.selector" . }}
app.kubernetes.io/part-of: proctorium
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The labels that select the pods of one component. Parameters: root, component; name, if it is not the name of the chart. */}}
{{- define "lib.selector" -}}
app.kubernetes.io/name: {{ if .name }}{{ .name }}{{ else }}{{ .root.Chart.Name }}{{ end }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The name of the Deployment of a component: that of the chart for the pods that serve calls. Parameters: root, component. */}}
{{- define "lib.deployment-name" -}}
{{ .root.Chart.Name }}{{ if ne .component "serve" }}-{{ .component }}{{ end }}
{{- end }}

{{/* The DNS name of a Service of this installation. Parameters: root, name. */}}
{{- define "lib.host" -}}
{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.global.clusterDomain }}
{{- end }}

{{/* The name of a container image. Parameters: root, image. Third-party images state their own registry and tag. */}}
{{- define "lib.image" -}}
{{- $registry := .image.registry | default .root.Values.global.image.registry -}}
{{- $name := ternary .image.repository (printf "%s/%s" $registry .image.repository) (empty $registry) -}}
{{- if .image.digest -}}
{{ printf "%s@%s" $name .image.digest }}
{{- else -}}
{{ printf "%s:%s" $name (.image.tag | default .root.Values.global.image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{/* The addresses of NATS, of the OTLP receiver, and the port of the receiver. Empty without a receiver. */}}
{{- define "lib.nats-url" -}}
{{- if .Values.global.trial.nats -}}
nats://{{ include "lib.host" (dict "root" . "name" "nats") }}:4222
{{- else -}}
{{ .Values.global.nats.url }}
{{- end -}}
{{- end }}
{{- define "lib.otlp-endpoint" -}}
{{- if .Values.global.trial.traces -}}
http://{{ include "lib.host" (dict "root" . "name" "traces") }}:4318
{{- else -}}
{{ .Values.global.telemetry.endpoint }}
{{- end -}}
{{- end }}
{{- define "lib.otlp-port" -}}
{{ include "lib.otlp-endpoint" . | splitList ":" | last }}
{{- end }}

{{/* The number of pods when a Deployment is created, and the maximum number, for the arithmetic of the checks. */}}
{{- define "lib.replicas" -}}
{{ if kindIs "invalid" .Values.replicas }}2{{ else }}{{ .Values.replicas }}{{ end }}
{{- end }}
{{- define "lib.max-replicas" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.maxReplicas }}
{{- else if (.Values.keda | default dict).enabled -}}{{ .Values.keda.maxReplicas }}
{{- else -}}{{ include "lib.replicas" . }}
{{- end -}}
{{- end }}

{{/* The pods that a rolling update adds to the maximum number of pods. */}}
{{- define "lib.surge" -}}
{{- if kindIs "string" .Values.maxSurge -}}
{{ divf (mulf (trimSuffix "%" .Values.maxSurge | float64) (include "lib.max-replicas" . | float64)) 100 | ceil | int }}
{{- else -}}
{{ int .Values.maxSurge }}
{{- end -}}
{{- end }}
