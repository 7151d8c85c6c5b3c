"""The demo data of the development stack, and a client of the edge with a person's token."""
