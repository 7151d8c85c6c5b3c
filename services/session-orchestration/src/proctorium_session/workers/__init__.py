"""Timers: find what is due → operation."""
