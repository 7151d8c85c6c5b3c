"""The gRPC API. A method converts the request, calls an operation, and converts the result to a response."""
