from __future__ import annotations

from collections.abc import Callable

from proctorium_common.storage.migrations import differences


async def test_the_migrated_database_is_what_the_tables_say(
    migrated_database: Callable[[str], str],
) -> None:
    url = migrated_database("proctorium_assessment")
    assert await differences(url, "proctorium_assessment") == []
