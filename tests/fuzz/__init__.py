"""Call every RPC of a running system with generated requests, as every kind of caller."""
