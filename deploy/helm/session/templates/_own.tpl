{{/* What only this service has: checks, environment, egress rules, volumes and database connections. */}}
{{- define "session.check" -}}

{{- end }}

{{- define "session.env" -}}

{{- end }}

{{- define "session.egress" -}}

{{- end }}

{{- define "session.mounts" -}}

{{- end }}

{{- define "session.volumes" -}}

{{- end }}

{{/* The database connections of a pod, in addition to those that all services have. */}}
{{- define "session.connections" -}}
0
{{- end }}
