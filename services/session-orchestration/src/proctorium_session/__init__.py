"""Sessions, lobbies, supervision, incidents and the session record."""
