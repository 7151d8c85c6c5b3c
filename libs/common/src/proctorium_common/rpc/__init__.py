"""gRPC in and out: one server builder, one channel, one way to say who calls and what went wrong."""
