"""The web pages of Proctorium and the server that serves them."""
