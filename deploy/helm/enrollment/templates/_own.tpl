{{/* What only this service has: checks, environment, egress rules, volumes and database connections. */}}
{{- define "enrollment.check" -}}
{{- include "lib.require" (dict "root" . "path" "masterKey.existingSecret" "value" .Values.masterKey.existingSecret "meaning" (printf "Name a Secret of this namespace whose key %s has 32 random bytes in base64. Keep a copy of the key in another place." .Values.masterKey.secretKey)) -}}
{{- end }}

{{- define "enrollment.env" -}}
- name: PROCTORIUM_MASTER_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.masterKey.existingSecret }}, key: {{ .Values.masterKey.secretKey }} } }
- { name: PROCTORIUM_SECURE_COOKIES, value: {{ hasPrefix "https://" .Values.global.publicUrl | quote }} }
{{- end }}

{{- define "enrollment.egress" -}}

{{- end }}

{{- define "enrollment.mounts" -}}

{{- end }}

{{- define "enrollment.volumes" -}}

{{- end }}

{{/* The database connections of a pod, in addition to those that all services have. */}}
{{- define "enrollment.connections" -}}
0
{{- end }}
