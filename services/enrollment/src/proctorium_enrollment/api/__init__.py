"""The gRPC API, which converts requests, calls operations and converts their results to responses."""
