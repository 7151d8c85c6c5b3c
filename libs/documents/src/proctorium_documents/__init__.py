"""PDFs from templates, with fonts for every script, and names of files.

The fonts are large, so only the services that make documents depend on this package.
"""
