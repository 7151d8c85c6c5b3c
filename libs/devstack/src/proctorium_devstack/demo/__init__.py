"""The demo data of the development stack, and a client that calls the edge with a person's token."""
