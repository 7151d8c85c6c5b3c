"""gRPC in: request → operation → response. No rules here."""
