"""The rendering of messages and mails from template files. Each language has its own set of templates (`N3`)."""
