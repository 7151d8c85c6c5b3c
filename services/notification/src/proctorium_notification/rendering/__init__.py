"""The texts of messages: templates in files, one set for each language, and the mails made from them (`N3`)."""
