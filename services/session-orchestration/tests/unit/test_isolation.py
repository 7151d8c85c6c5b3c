"""Tests of changes of many sessions by workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
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
LIMIT = 3


class Due:
    """Due ids, of which at most `LIMIT` are listed at once. An id is due until it is changed."""

    def __init__(self, ids: Sequence[UUID], broken: Collection[UUID] = ()) -> None:
        self.ids, self.broken = list(ids), broken
        self.tried: list[UUID] = []

    async def list(self, _tx: Transaction, excluded: Collection[UUID]) -> Sequence[UUID]:
        return [each for each in self.ids if each not in excluded][:LIMIT]

    async def change(self, _tx: Transaction, each: UUID) -> bool:
        self.tried.append(each)
        if each in self.broken:
            raise ValueError("broken")
        self.ids.remove(each)
        return True


async def test_failure_does_not_stop_the_other_changes() -> None:
    ids = [new_id() for _ in range(3)]
    due = Due(ids, broken=ids[:1])
    with pytest.raises(ExceptionGroup) as raised:
        await change_each(DATABASE, due.list, due.change)
    assert [type(each) for each in raised.value.exceptions] == [ValueError]
    assert due.tried == ids


async def test_ids_that_always_fail_do_not_fill_the_list() -> None:
    ids = [new_id() for _ in range(2 * LIMIT + 1)]
    due = Due(ids, broken=ids[:-1])
    for _ in range(2):
        with pytest.raises(ExceptionGroup) as raised:
            await change_each(DATABASE, due.list, due.change)
        assert len(raised.value.exceptions) == 2 * LIMIT
    assert due.ids == ids[:-1]


async def test_run_without_failures_handles_one_list() -> None:
    due = Due([new_id() for _ in range(LIMIT + 1)])
    assert await change_each(DATABASE, due.list, due.change) == LIMIT


async def test_only_changes_are_counted() -> None:
    changed, unchanged = new_id(), new_id()
    due = Due([unchanged, changed])

    async def change(_tx: Transaction, each: UUID) -> bool:
        return each == changed

    assert await change_each(DATABASE, due.list, change) == 1
