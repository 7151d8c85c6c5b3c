"""What enrollment keeps, and how."""
