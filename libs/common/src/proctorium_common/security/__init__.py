"""Authentication and encryption: access tokens, their signing keys, TLS certificates and encrypted values."""
