"""The use cases of enrollment: each owns its transaction. Steps that use cases and subscribers share take the transaction."""
