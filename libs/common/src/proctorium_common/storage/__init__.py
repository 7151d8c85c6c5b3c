"""What a service keeps: transactions, idempotency, migrations, notices. Each piece is imported from its own file."""
