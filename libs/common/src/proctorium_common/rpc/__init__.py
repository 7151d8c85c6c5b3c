"""gRPC servers and channels, the current call and its caller, and the conversion of errors."""
