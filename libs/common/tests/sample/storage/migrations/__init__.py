"""The migrations of the sample service."""
