{{/* The security settings of a pod: the profile `restricted`. Parameters: user (by default 10001, the user of our images). */}}
{{- define "lib.pod-security" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  fsGroup: {{ .user | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The security settings of a container. */}}
{{- define "lib.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Where the pods of a Deployment run. Parameters: root, component. */}}
{{- define "lib.scheduling" -}}
{{- $values := .root.Values -}}
{{- with $values.global.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range tuple "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "lib.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{/*
A Deployment with its ServiceAccount, disruption budget and autoscaler.
Parameters: root, component, grace (seconds), pod (the containers and volumes of the pod as YAML).
*/}}
{{- define "lib.deployment" -}}
{{- $values := .root.Values -}}
{{- $name := include "lib.deployment-name" . -}}
{{- $scaled := or $values.autoscaling.enabled ($values.keda | default dict).enabled -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels: {{- include "lib.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "lib.labels" . | nindent 4 }}
spec:
  {{- /* The autoscaler owns the number of replicas. If the Deployment stated it too, each upgrade would reset it. */}}
  {{- if not $scaled }}
  replicas: {{ include "lib.replicas" .root }}
  {{- end }}
  minReadySeconds: 5
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: {{ $values.maxSurge }} }
  selector:
    matchLabels: {{- include "lib.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "lib.labels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      {{- include "lib.pod-security" dict | nindent 6 }}
      terminationGracePeriodSeconds: {{ .grace }}
      {{- with include "lib.scheduling" . | trim }}{{ . | nindent 6 }}{{ end }}
      {{- .pod | nindent 6 }}
{{- if $values.disruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{- include "lib.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "lib.selector" . | nindent 6 }}
{{- end }}
{{- if $values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels: {{- include "lib.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ $name }} }
  minReplicas: {{ $values.autoscaling.minReplicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ $values.autoscaling.cpuPercent }} }
  behavior:
    {{- /* Pods are removed slowly, because each removed pod closes the streams of its learners. */}}
    scaleDown:
      stabilizationWindowSeconds: 600
      policies: [{ type: Pods, value: 1, periodSeconds: 120 }]
{{- end }}
{{- end }}

{{/* A headless Service, so that clients see and balance over all pods. Parameters: root, component, port, protocol. */}}
{{- define "lib.headless-service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .root.Chart.Name }}
  labels: {{- include "lib.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector: {{- include "lib.selector" . | nindent 4 }}
  ports:
    - { name: {{ .protocol }}, port: {{ .port }}, targetPort: {{ .protocol }}, appProtocol: {{ .appProtocol }} }
{{- end }}

{{/* A certificate for mutual TLS. Parameters: root, name (the identity), hosts (further DNS names). */}}
{{- define "lib.certificate" -}}
{{- $tls := .root.Values.global.tls -}}
{{- $trial := .root.Values.global.trial.authority -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .name }}
  labels: {{- include "lib.labels" (dict "root" .root "component" "certificate") | nindent 4 }}
spec:
  secretName: {{ include "lib.certificate-secret" . }}
  {{- /* The common name is the identity in gRPC, in NATS and in the topology. */}}
  commonName: {{ .name }}
  dnsNames:
    - {{ .name }}
    {{- range .hosts }}
    - {{ . }}
    {{- end }}
  usages: [server auth, client auth, digital signature]
  privateKey: { algorithm: ECDSA, size: 256, encoding: PKCS8, rotationPolicy: Always }
  duration: {{ $tls.duration }}
  renewBefore: {{ $tls.renewBefore }}
  issuerRef:
    name: {{ ternary "proctorium-trial" $tls.issuer.name $trial }}
    kind: {{ ternary "Issuer" $tls.issuer.kind $trial }}
    group: {{ ternary "cert-manager.io" $tls.issuer.group $trial }}
{{- end }}

{{/* The Secret with the certificate of an identity. Parameters: root, name; secret, an existing Secret. */}}
{{- define "lib.certificate-secret" -}}
{{ .secret | default (.root.Values.tls | default dict).existingSecret | default (printf "proctorium-%s-tls" .name) }}
{{- end }}
