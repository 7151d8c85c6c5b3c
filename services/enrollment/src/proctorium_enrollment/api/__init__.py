"""gRPC in: proto to operation to proto."""
