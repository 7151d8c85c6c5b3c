"""Periodic work of identity verification."""
