"""E-mail, in-app messages and webhooks."""
