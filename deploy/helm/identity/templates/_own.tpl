{{/* What only this service has: checks, environment, egress rules, volumes and database connections. */}}
{{- define "identity.check" -}}
{{- include "lib.require" (dict "root" . "path" "masterKey.existingSecret" "value" .Values.masterKey.existingSecret "meaning" (printf "Name a Secret of this namespace whose key %s has 32 random bytes in base64. Keep a copy of the key in another place." .Values.masterKey.secretKey)) -}}
{{- $url := .Values.evidence.url -}}
{{- include "lib.require" (dict "root" . "path" "evidence.url" "value" $url "meaning" "Set s3://bucket/prefix, or file:///data to store the images in a volume.") -}}
{{- $pods := include "lib.max-replicas" . | int -}}
{{- if and (hasPrefix "file://" $url) (gt $pods 1) (ne .Values.evidence.volume.accessMode "ReadWriteMany") -}}
{{- fail (printf "identity: %d pods cannot share evidence.url %s on a volume with the access mode %s. Use s3://, one pod, or a volume with ReadWriteMany." $pods $url .Values.evidence.volume.accessMode) -}}
{{- end -}}
{{- end }}

{{- define "identity.env" -}}
- name: PROCTORIUM_MASTER_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.masterKey.existingSecret }}, key: {{ .Values.masterKey.secretKey }} } }
- { name: PROCTORIUM_EVIDENCE_URL, value: {{ .Values.evidence.url | quote }} }
- { name: PROCTORIUM_IMAGES_AT_ONCE, value: {{ .Values.imagesAtOnce | quote }} }
{{- with .Values.evidence.s3 }}
{{- with .region }}
- { name: AWS_REGION, value: {{ . | quote }} }
{{- end }}
{{- with .endpoint }}
- { name: AWS_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- if .existingSecret }}
{{- $secret := .existingSecret }}
{{- range tuple "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ . }} } }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "identity.egress" -}}
{{- if and (has "serve" .Roles) (hasPrefix "s3://" .Values.evidence.url) -}}
{{ include "lib.egress-to" (dict "peers" .Values.evidence.s3.peers "port" .Values.evidence.s3.port) }}
{{- end -}}
{{- end }}

{{- define "identity.mounts" -}}
{{- if hasPrefix "file://" .Values.evidence.url -}}
- { name: evidence, mountPath: /data }
{{- end -}}
{{- end }}

{{- define "identity.volumes" -}}
{{- if hasPrefix "file://" .Values.evidence.url -}}
- name: evidence
  persistentVolumeClaim: { claimName: {{ .Values.evidence.volume.existingClaim | default "identity-evidence" }} }
{{- end -}}
{{- end }}

{{/* The database connections of a pod, in addition to those that all services have. */}}
{{- define "identity.connections" -}}
0
{{- end }}
