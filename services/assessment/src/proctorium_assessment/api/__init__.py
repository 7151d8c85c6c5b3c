"""The gRPC API: request → operation → response."""
