"""Schema of identity verification, one numbered revision after the other."""
