"""A trace page for development. It receives OTLP over HTTP, stores spans in SQLite, and shows traces."""
