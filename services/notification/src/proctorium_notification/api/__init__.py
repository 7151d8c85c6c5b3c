"""The gRPC services: request, use case, response."""
