"""Sessions, lobby, supervision, chat and the session record."""
