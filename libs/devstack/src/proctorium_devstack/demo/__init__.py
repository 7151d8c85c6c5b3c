"""The demo data of the development stack, and a client for calls to the edge with the token of a person."""
