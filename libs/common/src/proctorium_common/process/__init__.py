"""A service as a process: settings, wiring, start, readiness, drain and the command line."""
