{{- define "edge.pod" -}}
initContainers:
  - name: render
    image: {{ include "lib.image" (dict "root" . "image" .Values.rendererImage) }}
    imagePullPolicy: {{ .Values.global.image.pullPolicy }}
    command: [python, -m, proctorium_devstack.edge_configuration]
    args: [--settings, /settings/edge.json, --folder, /config, --templates, /opt/proctorium/envoy]
    {{- include "lib.container-security" . | nindent 4 }}
    resources:
      requests: { cpu: 50m, memory: 128Mi }
      limits: { memory: 256Mi }
    volumeMounts:
      - { name: settings, mountPath: /settings, readOnly: true }
      - { name: config, mountPath: /config }
  {{- /* A sidecar: Envoy starts when the file of the keys exists, and stops first. */}}
  - name: keys
    image: {{ include "lib.image" (dict "root" . "image" .Values.keysImage) }}
    imagePullPolicy: {{ .Values.global.image.pullPolicy }}
    restartPolicy: Always
    command: [python, -m, proctorium_access.edge_keys]
    {{- include "lib.container-security" . | nindent 4 }}
    env:
      - { name: PROCTORIUM_TOKEN_CHECK_FILE, value: /edge-keys/token_check.json }
      - { name: PROCTORIUM_ENROLLMENT_ADDRESS, value: "{{ include "lib.host" (dict "root" . "name" "enrollment") }}:50051" }
      {{- include "lib.tls-env" . | nindent 6 }}
      {{- include "lib.log-env" . | nindent 6 }}
    startupProbe:
      exec: { command: [test, -s, /edge-keys/token_check.json] }
      periodSeconds: 2
      failureThreshold: 60
    resources:
      requests: { cpu: 20m, memory: 96Mi }
      limits: { memory: 192Mi }
    volumeMounts:
      - { name: certificates, mountPath: /certificates, readOnly: true }
      - { name: edge-keys, mountPath: /edge-keys }
      - { name: keys-tmp, mountPath: /tmp }
containers:
  - name: envoy
    image: {{ include "lib.image" (dict "root" . "image" .Values.image) }}
    imagePullPolicy: {{ .Values.global.image.pullPolicy }}
    command: [envoy]
    args: [--config-path, /config/edge.yaml, --disable-hot-restart, --log-level, warning, --concurrency, {{ .Values.workers | quote }}, --drain-time-s, {{ .Values.preStopSeconds | quote }}]
    {{- include "lib.container-security" . | nindent 4 }}
    ports:
      - { name: edge, containerPort: 8443 }
    startupProbe:
      tcpSocket: { port: edge }
      periodSeconds: 2
      failureThreshold: 30
    livenessProbe:
      tcpSocket: { port: edge }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    {{- /* The path /healthz fails if one service fails. The edge must then still serve the others, so readiness is Envoy's own. */}}
    readinessProbe:
      exec:
        command:
          - bash
          - -c
          - exec 3<>/dev/tcp/127.0.0.1/9901 && printf 'GET /ready HTTP/1.1\r\nHost:edge\r\nConnection:close\r\n\r\n' >&3 && head -n 1 <&3 | grep -q ' 200 '
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    lifecycle:
      {{- /* Envoy then answers with GOAWAY or `connection: close`, so clients open connections to other pods. */}}
      preStop:
        exec:
          command:
            - bash
            - -c
            - exec 3<>/dev/tcp/127.0.0.1/9901 && printf 'POST /healthcheck/fail HTTP/1.1\r\nHost:edge\r\nContent-Length:0\r\nConnection:close\r\n\r\n' >&3; sleep {{ .Values.preStopSeconds }}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - { name: certificates, mountPath: /certificates, readOnly: true }
      {{- if include "edge.terminates-tls" . }}
      - { name: client-certificates, mountPath: /client-certificates, readOnly: true }
      {{- end }}
      - { name: config, mountPath: /config, readOnly: true }
      - { name: edge-keys, mountPath: /edge-keys, readOnly: true }
      {{- /* Envoy stores unfinished uploads here, on the disk of the node. */}}
      - { name: uploads, mountPath: /tmp }
volumes:
  - name: settings
    configMap: { name: edge }
  - { name: config, emptyDir: { sizeLimit: 16Mi } }
  - { name: edge-keys, emptyDir: { sizeLimit: 1Mi } }
  - { name: keys-tmp, emptyDir: { sizeLimit: 16Mi } }
  - { name: uploads, emptyDir: { sizeLimit: {{ .Values.uploadSpace }} } }
  {{- include "lib.certificate-volume" (dict "root" . "name" "edge") | nindent 2 }}
  {{- if include "edge.terminates-tls" . }}
  - name: client-certificates
    secret: { secretName: {{ .Values.clientTls.existingSecret }}, defaultMode: 0440 }
  {{- end }}
{{- end }}
