{{/* What only this service has: checks, environment, egress rules, volumes and database connections. */}}
{{- define "notification.check" -}}
{{- include "lib.require" (dict "root" . "path" "smtp.existingSecret" "value" .Values.smtp.existingSecret "meaning" (printf "Name a Secret of this namespace whose key %s has the URL of the mail server." .Values.smtp.secretKey)) -}}
{{- end }}

{{- define "notification.env" -}}
- name: PROCTORIUM_SMTP_URL
  valueFrom: { secretKeyRef: { name: {{ .Values.smtp.existingSecret }}, key: {{ .Values.smtp.secretKey }} } }
- { name: PROCTORIUM_PUBLIC_URL, value: {{ .Values.global.publicUrl | quote }} }
{{- with .Values.smtp.from }}
- { name: PROCTORIUM_MAIL_FROM, value: {{ . | quote }} }
{{- end }}
{{- end }}

{{- define "notification.egress" -}}
{{- if not (has "work" .Roles) -}}
{{- else if .Values.global.trial.mailbox -}}
{{ include "lib.egress-to" (dict "peers" (include "lib.peer" (dict "name" "mailbox" "component" "trial") | fromYamlArray) "port" 1025) }}
{{- else -}}
{{ include "lib.egress-to" (dict "peers" .Values.smtp.peers "port" .Values.smtp.port) }}
{{- end -}}
{{- end }}

{{- define "notification.mounts" -}}

{{- end }}

{{- define "notification.volumes" -}}

{{- end }}

{{/* The database connections of a pod, in addition to those that all services have. */}}
{{- define "notification.connections" -}}
{{ ternary 1 0 (has "work" .Roles) }}
{{- end }}
