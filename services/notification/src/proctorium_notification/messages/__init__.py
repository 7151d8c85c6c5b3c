"""What messages say: templates in files, one set for each language, and the mail made of them (`N3`)."""
