{{- define "portal.pod" -}}
containers:
  - name: serve
    image: {{ include "lib.image" (dict "root" . "image" .Values.image) }}
    imagePullPolicy: {{ .Values.global.image.pullPolicy }}
    args: [serve]
    {{- include "lib.container-security" . | nindent 4 }}
    env:
      - { name: PROCTORIUM_LISTEN, value: "0.0.0.0:8080" }
      - { name: PROCTORIUM_BROWSER_TRACE_RATIO, value: {{ .Values.browserTraceRatio | quote }} }
      {{- include "lib.log-env" . | nindent 6 }}
    ports:
      - { name: http, containerPort: 8080 }
    startupProbe:
      httpGet: { path: /healthz, port: http }
      periodSeconds: 2
      failureThreshold: 30
    livenessProbe:
      httpGet: { path: /healthz, port: http }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: { path: /healthz, port: http }
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    lifecycle:
      preStop: { sleep: { seconds: {{ .Values.preStopSeconds }} } }
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
volumes:
  - { name: tmp, emptyDir: { sizeLimit: 64Mi } }
{{- end }}
