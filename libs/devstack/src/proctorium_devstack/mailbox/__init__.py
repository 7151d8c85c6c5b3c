"""A mailbox for one machine: receives every mail by SMTP, delivers none, and shows them as pages and as JSON."""
