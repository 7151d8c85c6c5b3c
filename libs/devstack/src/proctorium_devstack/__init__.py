"""All of Proctorium on one machine: components, a supervisor, demo data, a trace page, a mailbox and test fixtures."""
