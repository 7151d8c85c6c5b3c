"""Changes of many sessions by workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

import pytest

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_session.operations.isolation import change_each


class Transactions:
    """A database whose transactions do nothing."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield


DATABASE = cast(Database, Transactions())


async def test_failure_does_not_stop_the_other_changes() -> None:
    broken, *others = [new_id() for _ in range(3)]
    tried: list[UUID] = []

    async def change(_tx: Transaction, each: UUID) -> bool:
        tried.append(each)
        if each == broken:
            raise ValueError("broken")
        return True

    with pytest.raises(ExceptionGroup) as raised:
        await change_each(DATABASE, [broken, *others], change)
    assert [type(each) for each in raised.value.exceptions] == [ValueError]
    assert tried == [broken, *others]


async def test_only_changes_are_counted() -> None:
    changed, unchanged = new_id(), new_id()

    async def change(_tx: Transaction, each: UUID) -> bool:
        return each == changed

    assert await change_each(DATABASE, [unchanged, changed], change) == 1
