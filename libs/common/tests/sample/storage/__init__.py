"""The storage of the sample service."""
