"""A typed client for Proctorium.

`Client` signs in, renews its tokens and calls every service through the generated stubs. A failed call raises
`CallError`. `pages` iterates over the pages of a list.
"""

from proctorium.client.client import Client
from proctorium.client.errors import CallError, FieldViolation
from proctorium.client.pages import pages

__all__ = ["CallError", "Client", "FieldViolation", "pages"]
