"""The rendering of messages and mails from template files, of which each language has one set (`N3`)."""
