"""The operations of the service, without gRPC and NATS."""
