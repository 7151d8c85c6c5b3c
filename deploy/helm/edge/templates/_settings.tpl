{{/* Whether the edge terminates TLS, and whether browsers use HTTPS at a proxy before it. */}}
{{- define "edge.terminates-tls" -}}
{{- if .Values.clientTls.existingSecret -}}true{{- end -}}
{{- end }}

{{/* The port of the Service. */}}
{{- define "edge.port" -}}
{{ ternary 443 80 (eq (include "edge.terminates-tls" .) "true") }}
{{- end }}

{{- define "edge.check" -}}
{{- include "lib.check-pod" . -}}
{{- include "lib.check-certificate" . -}}
{{- $type := .Values.exposure.type -}}
{{- $hops := .Values.exposure.trustedHops -}}
{{- $proxied := has $type (list "gateway" "ingress") -}}
{{- $https := hasPrefix "https://" .Values.global.publicUrl -}}
{{- if and $proxied .Values.clientTls.existingSecret -}}
{{- fail (printf "edge: exposure.type is %s, which terminates TLS, but clientTls.existingSecret is set too. Remove it." $type) -}}
{{- end -}}
{{- if and (or $proxied (and $https (eq $type "none") (not .Values.clientTls.existingSecret))) (lt (int $hops) 1) -}}
{{- fail (printf "edge: a proxy terminates TLS before the edge (exposure.type is %s), but exposure.trustedHops is %s. Set the number of proxies that append to x-forwarded-for (usually 1). Otherwise, all learners have the address of the proxy and share one sign-in limit." $type (ternary "not set" (toString $hops) (kindIs "invalid" $hops))) -}}
{{- end -}}
{{- if and (eq $type "loadBalancer") (hasPrefix "https://" .Values.global.publicUrl) (not .Values.clientTls.existingSecret) -}}
{{- fail "edge: exposure.type is loadBalancer and global.publicUrl begins with https, but clientTls.existingSecret is empty. Name a Secret with tls.crt and tls.key for browsers." -}}
{{- end -}}
{{- if eq $type "gateway" -}}
{{- include "lib.require" (dict "root" . "path" "exposure.gateway.parentRefs" "value" .Values.exposure.gateway.parentRefs "meaning" "Name at least one Gateway.") -}}
{{- end -}}
{{- if and (eq $type "ingress") (hasPrefix "https://" .Values.global.publicUrl) -}}
{{- include "lib.require" (dict "root" . "path" "exposure.ingress.tlsSecret" "value" .Values.exposure.ingress.tlsSecret "meaning" "Name a Secret with the certificate for browsers.") -}}
{{- end -}}
{{- $needed := add (int .Values.preStopSeconds) 5 | int -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) $needed -}}
{{- fail (printf "edge: terminationGracePeriodSeconds is %v, but a shutdown may take %d s: preStopSeconds + 5. The kubelet would kill the pod before the shutdown is complete." .Values.terminationGracePeriodSeconds $needed) -}}
{{- end -}}
{{- end }}

{{/* The settings that the renderer reads (EdgeSettings). The services are those of the topology. */}}
{{- define "edge.settings" -}}
{{- $services := list -}}
{{- range $name, $service := include "lib.topology" . | fromJson -}}
{{- if ne $name "portal" -}}
{{- $services = append $services (dict "name" $name "address" (dict "host" (include "lib.host" (dict "root" $ "name" $name)) "port" 50051)) -}}
{{- end -}}
{{- end -}}
{{- $settings := dict
    "listen" (dict "host" "0.0.0.0" "port" 8443)
    "admin" (dict "host" "127.0.0.1" "port" 9901)
    "services" $services
    "portal" (dict "host" (include "lib.host" (dict "root" . "name" "portal")) "port" 8080)
    "client" (dict "certificate" "/certificates/tls.crt" "key" "/certificates/tls.key" "authority" "/certificates/ca.crt")
    "token_check" "/edge-keys/token_check.json"
    "descriptors" "/config/descriptors.binpb"
    "trusted_hops" (int .Values.exposure.trustedHops)
    "heap_bytes" (mul .Values.heapMegabytes 1048576)
-}}
{{- if include "edge.terminates-tls" . -}}
{{- $_ := set $settings "tls" (dict "certificate" "/client-certificates/tls.crt" "key" "/client-certificates/tls.key") -}}
{{- else if hasPrefix "https://" .Values.global.publicUrl -}}
{{- $_ := set $settings "https" true -}}
{{- end -}}
{{- with include "lib.otlp-endpoint" . -}}
{{- $address := splitList "://" . | last | splitList ":" -}}
{{- $_ := set $settings "tracing" (dict "host" (first $address) "port" (last $address | int)) -}}
{{- $_ := set $settings "sampling_percent" (mulf $.Values.global.telemetry.sampleRatio 100 | ceil | int) -}}
{{- end -}}
{{- toPrettyJson $settings -}}
{{- end }}
