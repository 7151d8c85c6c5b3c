"""Checks of rules that are specific to this repository. Each check yields its findings as sentences."""
