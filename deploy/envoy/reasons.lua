-- A refusal that came from a service's machinery, such as its gRPC library when time is over, has a code and no reason. It gets the edge's
-- own (REPLIES, by code), before it becomes JSON or gRPC-Web.

function envoy_on_response(handle)
  local headers = handle:headers()
  local reply = REPLIES[headers:get("grpc-status")]
  if reply ~= nil and headers:get("grpc-status-details-bin") == nil then
    headers:replace("grpc-message", reply.message)
    headers:replace("grpc-status-details-bin", reply.details)
  end
end
