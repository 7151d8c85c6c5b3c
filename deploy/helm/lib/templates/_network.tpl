{{/* An egress rule to the DNS servers. */}}
{{- define "lib.egress-dns" -}}
- to: {{- toYaml .Values.global.networkPolicy.dnsPeers | nindent 4 }}
  ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]
{{- end }}

{{/* A rule to peers at a port. An empty list of peers permits every destination. Parameters: peers, port. */}}
{{- define "lib.egress-to" -}}
- ports: [{ protocol: TCP, port: {{ .port }} }]
  {{- with .peers }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* A peer: the pods of one component of this installation. Parameters: name, component. */}}
{{- define "lib.peer" -}}
- podSelector:
    matchLabels: {{- include "lib.selector" . | nindent 6 }}
{{- end }}

{{/* Egress to the database of a service, to NATS and to the OTLP receiver. With the trial parts, only to these. */}}
{{- define "lib.egress-database" -}}
{{- $peers := .Values.database.peers -}}
{{- if .Values.global.trial.postgres -}}
{{- $peers = include "lib.peer" (dict "name" "postgres" "component" "trial") | fromYamlArray -}}
{{- end -}}
{{ include "lib.egress-to" (dict "peers" $peers "port" .Values.database.port) }}
{{- end }}
{{- define "lib.egress-nats" -}}
{{- $peers := .Values.global.nats.peers -}}
{{- if .Values.global.trial.nats -}}
{{- $peers = include "lib.peer" (dict "name" "nats" "component" "trial") | fromYamlArray -}}
{{- end -}}
{{ include "lib.egress-to" (dict "peers" $peers "port" .Values.global.nats.port) }}
{{- end }}
{{- define "lib.egress-otlp" -}}
{{- if include "lib.otlp-endpoint" . -}}
{{- $peers := .Values.global.telemetry.peers -}}
{{- if .Values.global.trial.traces -}}
{{- $peers = include "lib.peer" (dict "name" "traces" "component" "trial") | fromYamlArray -}}
{{- end -}}
{{ include "lib.egress-to" (dict "peers" $peers "port" (include "lib.otlp-port" .)) }}
{{- end -}}
{{- end }}

{{/* A NetworkPolicy. Parameters: root, name, selected (name, components), ingress and egress (rules as YAML; empty: none). */}}
{{- define "lib.network-policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels: {{- include "lib.labels" (dict "root" .root "component" "network-policy") | nindent 4 }}
spec:
  podSelector:
    matchLabels: { app.kubernetes.io/name: {{ .selected | default .root.Chart.Name }} }
    matchExpressions:
      - { key: app.kubernetes.io/component, operator: In, values: [{{ join ", " .components }}] }
  policyTypes: [Ingress, Egress]
  ingress: {{- if .ingress }}{{ .ingress | nindent 4 }}{{ else }} []{{ end }}
  egress: {{- if .egress }}{{ .egress | nindent 4 }}{{ else }} []{{ end }}
{{- end }}

{{/*
The policies of a service: its callers may call the pods that serve calls, and each pod reaches what its roles need. The pod of `helm test`
reaches what all roles need. Parameters: root, deployments.
*/}}
{{- define "lib.service-policies" -}}
{{- $name := .root.Chart.Name -}}
{{- $values := .root.Values -}}
{{- $ingress := list -}}
{{- range prepend (index (include "lib.topology" .root | fromJson) $name).callers "edge" -}}
{{- $ingress = append $ingress (dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/name" . ) "matchExpressions" (list (dict "key" "app.kubernetes.io/component" "operator" "In" "values" (list "serve" "subscribe" "work" "test"))))) -}}
{{- end -}}
{{- $rules := toYaml (list (dict "from" $ingress "ports" (list (dict "protocol" "TCP" "port" 50051)))) -}}
{{- with $values.networkPolicy.extraIngress }}{{ $rules = printf "%s\n%s" $rules (toYaml .) }}{{ end -}}
{{- range .deployments }}
---
{{ include "lib.network-policy" (dict "root" . "name" (include "lib.deployment-name" (dict "root" . "component" .Component)) "components" (list .Component) "ingress" (ternary $rules "" (has "serve" .Roles)) "egress" (include "lib.service-egress" .)) }}
{{- end }}
---
{{- $test := dict "Roles" (list "serve" "relay" "subscribe" "work") "Values" $values "Chart" .root.Chart "Release" .root.Release }}
{{ include "lib.network-policy" (dict "root" .root "name" (printf "%s-test" $name) "components" (list "test") "egress" (include "lib.service-egress" $test)) }}
---
{{ include "lib.network-policy" (dict "root" .root "name" (printf "%s-migration" $name) "components" (list "migration") "egress" (printf "%s\n%s" (include "lib.egress-dns" .root) (include "lib.egress-database" .root))) }}
{{- end }}

{{/* The egress rules of the pods that have Roles. */}}
{{- define "lib.service-egress" -}}
{{- $egress := list (include "lib.egress-dns" .) -}}
{{- if ne (join "," .Roles) "relay" -}}
{{- range (index (include "lib.topology" . | fromJson) .Chart.Name).calls -}}
{{- $egress = append $egress (include "lib.egress-to" (dict "peers" (include "lib.peer" (dict "name" . "component" "serve") | fromYamlArray) "port" 50051)) -}}
{{- end -}}
{{- end -}}
{{- $egress = append $egress (include "lib.egress-database" .) -}}
{{- if or (has "relay" .Roles) (has "subscribe" .Roles) -}}
{{- $egress = append $egress (include "lib.egress-nats" .) -}}
{{- end -}}
{{- $egress = concat $egress (list (include "lib.egress-otlp" .) (include (printf "%s.egress" .Chart.Name) .)) -}}
{{- with .Values.networkPolicy.extraEgress }}{{ $egress = append $egress (toYaml .) }}{{ end -}}
{{ compact $egress | join "\n" }}
{{- end }}
