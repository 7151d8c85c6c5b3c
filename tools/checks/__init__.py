"""Checks of rules that only this repository has. Each check yields its findings as sentences."""
