"""How facts leave a service and arrive at others. Each piece is imported from its own file."""
