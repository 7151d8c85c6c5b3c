"""Identity verification: cases, evidence and decisions."""
