"""Tests of the migrations of the database of enrollment."""

from __future__ import annotations

from collections.abc import Callable

from proctorium_common.storage.migrations import at_head, differences

PACKAGE = "proctorium_enrollment"


async def test_migrations_and_tables_agree(
    migrated_database: Callable[[str], str],
) -> None:
    url = migrated_database(PACKAGE)
    assert await differences(url, PACKAGE) == []
    assert await at_head(url, PACKAGE)
