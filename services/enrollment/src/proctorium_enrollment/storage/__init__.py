"""Access to the database of enrollment, and the computation of password hashes."""
