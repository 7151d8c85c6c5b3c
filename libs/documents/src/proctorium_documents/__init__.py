"""PDFs and images from templates, with fonts for many scripts, and file names for downloads.

The fonts are large, so only the services that make documents depend on this package.
"""
