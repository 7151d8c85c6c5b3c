"""The files of session reports."""
