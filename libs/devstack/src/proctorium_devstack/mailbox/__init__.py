"""A mailbox for one machine: takes every mail by SMTP, delivers none, and shows them in a page and as JSON."""
