"""The development stack: components, a supervisor, demo data, a trace page, a mailbox and test fixtures."""
