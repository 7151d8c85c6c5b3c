"""Measurements of the services. Each is compared to a minimal server, the limit, in the same run."""
