"""Measurements of the services, each compared to a minimal server (the limit) in the same run."""
