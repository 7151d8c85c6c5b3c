"""Expand: create the table of the keys with which page tokens are signed."""

from proctorium_common.storage.migrations import create_page_token_keys

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_page_token_keys()
