"""A test of the migrations."""

from __future__ import annotations

from collections.abc import Callable

from proctorium_common.storage.migrations import differences


async def test_tables_and_migrations_agree(
    migrated_database: Callable[[str], str],
) -> None:
    url = migrated_database("proctorium_assessment")
    assert await differences(url, "proctorium_assessment") == []
