"""The library that all Proctorium services share: RPC, events, storage, security, telemetry and processes."""
