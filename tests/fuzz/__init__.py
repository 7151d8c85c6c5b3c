"""Call every RPC of a running system with generated requests as each kind of caller."""
