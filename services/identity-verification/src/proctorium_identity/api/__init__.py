"""The gRPC API: each method converts a request, calls an operation and converts its result to a response."""
