"""Storage in PostgreSQL: transactions, idempotency, migrations, notifications. Import from the submodules."""
