"""The sample service's storage."""
