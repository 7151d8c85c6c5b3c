"""The PDFs and credentials of certificates."""
