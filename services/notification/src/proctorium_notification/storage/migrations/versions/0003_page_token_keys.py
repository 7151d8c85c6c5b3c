"""Expand: the key that page tokens are signed with."""

from proctorium_common.storage.migrations import create_page_token_keys

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_page_token_keys()
