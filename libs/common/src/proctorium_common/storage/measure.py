"""What group commit gains on this machine: the same saves bare and grouped, in turn, by the same number of callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import asyncpg
from sqlalchemy import make_url

from proctorium_common.storage.group_commit import GroupCommit

_UPSERT = """
    INSERT INTO measured_saves (id, revision, content)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[])
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, content = excluded.content
"""
_ONE = """
    INSERT INTO measured_saves (id, revision, content) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, content = excluded.content
"""
_CONTENT = "an answer of the usual length, which is not much: about eighty letters in all"


@dataclass(frozen=True, slots=True)
class Saves:
    """Saves per second: one statement and commit each, and through group commit."""

    bare: float
    grouped: float

    @property
    def ratio(self) -> float:
        """How many times more group commit saves."""
        return self.grouped / self.bare


async def measure_saves(url: str, *, callers: int = 16, seconds: float = 3.0) -> Saves:
    """Measures against the database at `url`, in a table of its own that is gone afterwards."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    async with asyncpg.create_pool(plain, min_size=callers, max_size=callers) as pool:
        await pool.execute(
            "CREATE TABLE measured_saves (id bigint PRIMARY KEY, revision bigint, content text)"
        )
        try:
            return await _measure(pool, callers, seconds)
        finally:
            await pool.execute("DROP TABLE measured_saves")


async def _measure(pool: asyncpg.Pool[asyncpg.Record], callers: int, seconds: float) -> Saves:
    async def save_bare(caller: int, revision: int) -> None:
        await pool.execute(_ONE, caller, revision, _CONTENT)

    async def flush(items: list[tuple[int, int]]) -> list[None]:
        ids, revisions = zip(*sorted(items), strict=True)
        await pool.execute(_UPSERT, ids, revisions, [_CONTENT] * len(items))
        return [None] * len(items)

    group = GroupCommit(flush)

    async def save_grouped(caller: int, revision: int) -> None:
        await group.submit((caller, revision))

    bare: list[float] = []
    grouped: list[float] = []
    # In turn, so that what else the machine does meets both alike.
    for _ in range(3):
        bare.append(await _rate(save_bare, callers, seconds / 6))
        grouped.append(await _rate(save_grouped, callers, seconds / 6))
    return Saves(sum(bare) / 3, sum(grouped) / 3)


async def _rate(save: Callable[[int, int], Awaitable[None]], callers: int, seconds: float) -> float:
    revisions = count()
    end = time.perf_counter() + seconds

    async def keep_saving(caller: int) -> int:
        saved = 0
        while time.perf_counter() < end:
            await save(caller, next(revisions))
            saved += 1
        return saved

    began = time.perf_counter()
    saved = await asyncio.gather(*map(keep_saving, range(callers)))
    return sum(saved) / (time.perf_counter() - began)
