"""A mailbox for development. It receives mails by SMTP, never delivers them, and shows them as pages and as JSON."""
