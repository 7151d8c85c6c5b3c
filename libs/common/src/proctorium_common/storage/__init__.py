"""Storage in PostgreSQL: transactions, idempotency, migrations and notifications. Import names from the submodules."""
