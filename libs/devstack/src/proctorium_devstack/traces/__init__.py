"""A trace page for one machine: receives OTLP over HTTP, stores spans in SQLite, searches and draws traces."""
