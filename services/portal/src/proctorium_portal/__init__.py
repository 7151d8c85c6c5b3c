"""The web pages of Proctorium and their server."""
