"""Notifications by e-mail and in the application."""
