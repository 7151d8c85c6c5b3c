"""The tables of session orchestration, and the SQL statements that use them."""
