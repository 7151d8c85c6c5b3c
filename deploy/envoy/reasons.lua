-- Adds a message and a reason to errors that have only a code. An example is the error of a service's gRPC library when a deadline has passed.
-- The message and the reason are those of the edge's own reply for this code (REPLIES). This filter runs before the error is converted to JSON
-- or gRPC-Web.

function envoy_on_response(handle)
  local headers = handle:headers()
  local reply = REPLIES[headers:get("grpc-status")]
  if reply ~= nil and headers:get("grpc-status-details-bin") == nil then
    headers:replace("grpc-message", reply.message)
    headers:replace("grpc-status-details-bin", reply.details)
  end
end
