"""The gRPC API. Each method converts its request, calls an operation and converts the result to a response."""
