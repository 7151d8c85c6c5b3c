"""Groups take turns, and whoever sends much keeps only their own waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from proctorium_common.fair_turns import (
    FairThreads,
    FairTurns,
    GroupFullError,
    PermitTimeoutError,
    QueueFullError,
)
from proctorium_common.tasks import end

SOON = 5.0


class Line:
    """Takes turns and notes who had one, in order. A turn lasts until it is given back."""

    def __init__(self, turns: FairTurns[str]) -> None:
        self.turns = turns
        self.had = ""
        self.came: list[asyncio.Task[None]] = []

    async def come(self, groups: str, *, patience: float | None = None) -> None:
        """One after the other stands in line, and has the turn if it is free."""
        for group in groups:
            self.came.append(asyncio.create_task(self._take(group, patience)))
            await settled()

    async def _take(self, group: str, patience: float | None) -> None:
        await self.turns.take(group, patience=patience)
        self.had += group

    async def over(self, groups: str) -> None:
        """Turns of these end, one after the other."""
        for group in groups:
            self.turns.give_back(group)
            await settled()


async def settled() -> None:
    """Everything that is ready has run: a few rounds of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    made = Line(FairTurns(**{"at_once": 1, **getattr(request, "param", {})}))
    yield made
    await end(*made.came)


async def test_groups_take_turns_however_many_one_of_them_sends(line: Line) -> None:
    await line.come("aaaabbc")
    await line.over("abcaba")
    assert line.had == "abcabaa"


@pytest.mark.parametrize("line", [{"at_once": 2}], indirect=True)
async def test_so_many_have_their_turn_and_no_more(line: Line) -> None:
    await line.come("aaab")
    assert line.had == "aa"
    await line.over("a")
    assert line.had == "aab"


@pytest.mark.parametrize("line", [{"at_once": 2, "at_once_of_one": 1}], indirect=True)
async def test_a_group_may_be_kept_to_one_turn_at_once(line: Line) -> None:
    await line.come("aaab")
    assert line.had == "ab"
    await line.over("b")
    assert line.had == "ab"
    await line.come("c")
    assert line.had == "abc"
    await line.over("a")
    assert line.had == "abca"


async def test_a_turn_that_does_not_come_in_time_is_none_and_holds_nobody_up(line: Line) -> None:
    await line.come("a")
    await line.come("b", patience=0.01)
    with pytest.raises(PermitTimeoutError):
        async with asyncio.timeout(SOON):
            await line.came[-1]
    await line.come("c")
    await line.over("a")
    assert line.had == "ac"


async def test_a_turn_that_is_free_is_had_without_any_patience(line: Line) -> None:
    await line.come("a", patience=0.0)
    assert line.had == "a"


async def test_whoever_leaves_is_passed_by(line: Line) -> None:
    await line.come("fabb")
    await end(line.came[1], line.came[2])
    await line.over("f")
    assert line.had == "fb"
    await line.over("b")
    await line.come("a")
    assert line.had == "fba"


@pytest.mark.parametrize("leaving", ["just before", "just after"])
async def test_a_turn_is_not_lost_on_whoever_leaves_as_it_comes(line: Line, leaving: str) -> None:
    await line.come("abc")
    gone = line.came[1]
    if leaving == "just before":
        gone.cancel()
        line.turns.give_back("a")
    else:
        line.turns.give_back("a")
        gone.cancel()
    await settled()
    assert line.had == "ac"
    await line.over("c")
    await line.come("b")
    assert line.had == "acb"


async def refused(waiting: asyncio.Task[None], error: type[Exception] = QueueFullError) -> None:
    with pytest.raises(QueueFullError) as refusal:
        async with asyncio.timeout(SOON):
            await waiting
    assert refusal.type is error


@pytest.mark.parametrize("line", [{"most_of_one": 2}], indirect=True)
async def test_a_group_has_so_many_places_and_others_have_theirs(line: Line) -> None:
    await line.come("aaa")
    await refused(line.came[2], GroupFullError)
    await line.come("bb")
    await line.over("aba")
    assert line.had == "abab"
    await line.come("a")
    await line.over("b")
    assert line.had == "ababa"


@pytest.mark.parametrize("line", [{"places": 4}], indirect=True)
async def test_who_comes_of_a_group_with_few_takes_the_last_place_of_the_one_with_most(
    line: Line,
) -> None:
    await line.come("aaaab")
    await refused(line.came[3])
    await line.come("a")
    await refused(line.came[5])
    await line.come("c")
    await refused(line.came[2])
    await line.over("abc")
    assert line.had == "abca"


@pytest.mark.parametrize("line", [{"places": 2}], indirect=True)
async def test_among_groups_with_as_many_who_came_first_keeps_the_place(line: Line) -> None:
    await line.come("abc")
    await refused(line.came[2])
    await line.over("a")
    assert line.had == "ab"


@pytest.mark.parametrize("line", [{"places": 3}], indirect=True)
async def test_nobody_is_pushed_out_of_a_turn(line: Line) -> None:
    await line.come("aaab")
    await refused(line.came[2])
    assert line.had == "a"
    await line.over("ab")
    assert line.had == "aba"


@pytest.mark.parametrize("line", [{"places": 3}], indirect=True)
async def test_who_leaves_as_they_are_pushed_out_leaves_once(line: Line) -> None:
    await line.come("aaa")
    line.came[2].cancel()
    await line.come("b")
    await line.over("ab")
    assert line.had == "aba"
    await line.over("a")
    await line.come("ccc")
    assert line.had == "abac"
    assert not any(task.done() for task in line.came[-2:])


class Work:
    """Work that lasts until it may end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.may_end.wait(SOON)
        return threading.current_thread().name


@pytest.fixture
async def threads() -> AsyncIterator[FairThreads[str]]:
    made: FairThreads[str] = FairThreads("worker", 1)
    yield made
    await made.close()


async def test_work_is_done_in_a_thread(threads: FairThreads[str]) -> None:
    work = Work()
    work.may_end.set()
    assert (await threads.run("a", work)).startswith("worker")


async def test_what_work_raises_reaches_its_caller_and_the_turn_is_over(
    threads: FairThreads[str],
) -> None:
    def fail() -> None:
        raise ValueError("no picture")

    for _ in range(2):
        with pytest.raises(ValueError, match="no picture"):
            await threads.run("a", fail)


async def test_a_turn_lasts_as_long_as_its_work_also_when_its_caller_has_gone(
    threads: FairThreads[str],
) -> None:
    first, second = Work(), Work()
    gone = asyncio.create_task(threads.run("a", first))
    assert await asyncio.to_thread(first.begun.wait, SOON)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    with pytest.raises(PermitTimeoutError):
        await threads.run("b", second, patience=0.0)
    first.may_end.set()
    second.may_end.set()
    async with asyncio.timeout(SOON):
        assert await threads.run("b", second)


async def test_after_the_end_nothing_is_begun_and_what_was_is_done() -> None:
    threads: FairThreads[str] = FairThreads("worker", 1)
    first, second = Work(), Work()
    under_way = asyncio.create_task(threads.run("a", first))
    waiting = asyncio.create_task(threads.run("a", second))
    assert await asyncio.to_thread(first.begun.wait, SOON)
    closing = asyncio.create_task(threads.close())
    await settled()
    assert not closing.done()
    first.may_end.set()
    async with asyncio.timeout(SOON):
        await closing
        assert await under_way
        with pytest.raises(RuntimeError):
            await waiting
    assert not second.begun.is_set()
