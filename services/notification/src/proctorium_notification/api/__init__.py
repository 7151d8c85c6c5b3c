"""gRPC in: proto → operation → proto."""
