"""What certificates look like: typst templates, and the making of PDFs from them."""
