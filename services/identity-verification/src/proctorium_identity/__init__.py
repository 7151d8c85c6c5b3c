"""Identity cases: evidence, findings and decisions."""
