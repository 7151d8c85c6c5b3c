"""A mailbox for development. It receives mails by SMTP, delivers none, and shows them as pages and as JSON."""
