"""Measurements, each beside the bare limit of this machine in the same run."""
