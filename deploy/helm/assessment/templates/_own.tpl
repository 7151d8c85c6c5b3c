{{/* What only this service has: checks, environment, egress rules, volumes and database connections. */}}
{{- define "assessment.check" -}}
{{- include "lib.require" (dict "root" . "path" "masterKey.existingSecret" "value" .Values.masterKey.existingSecret "meaning" (printf "Name a Secret of this namespace whose key %s has 32 random bytes in base64. Keep a copy of the key in another place." .Values.masterKey.secretKey)) -}}
{{- end }}

{{- define "assessment.env" -}}
- name: PROCTORIUM_MASTER_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.masterKey.existingSecret }}, key: {{ .Values.masterKey.secretKey }} } }
- { name: PROCTORIUM_PUBLIC_URL, value: {{ .Values.global.publicUrl | quote }} }
- { name: PROCTORIUM_ISSUER_NAME, value: {{ .Values.issuerName | quote }} }
{{- end }}

{{- define "assessment.egress" -}}

{{- end }}

{{- define "assessment.mounts" -}}

{{- end }}

{{- define "assessment.volumes" -}}

{{- end }}

{{/* The database connections of a pod, in addition to those that all services have. */}}
{{- define "assessment.connections" -}}
{{ ternary 3 0 (has "serve" .Roles) }}
{{- end }}
