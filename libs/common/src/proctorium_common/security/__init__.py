"""Who is calling: signed tokens, the keys that prove them, and certificates between services."""
