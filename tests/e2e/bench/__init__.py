"""Measure the services, and compare each service to a minimal server (the limit) in the same run."""
