"""A trace page for one machine: receives OTLP over HTTP, keeps spans in SQLite, finds and draws traces."""
