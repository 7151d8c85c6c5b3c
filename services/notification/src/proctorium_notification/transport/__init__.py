"""How mails leave: SMTP."""
