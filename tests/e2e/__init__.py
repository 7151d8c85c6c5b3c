"""Test the whole system through the edge and in a browser, also during crashes and attacks, and measure it."""
