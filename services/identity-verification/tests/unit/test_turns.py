"""Cases take turns at having a picture read, and whoever sends many waits behind their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.tasks import end
from proctorium_identity.pictures.turns import Turns

A, B, C = uuid4(), uuid4(), uuid4()


class Line:
    """Takes turns and notes who had one, in order. A turn lasts until it is given back."""

    def __init__(self, at_once: int, most_waiting: int = 3) -> None:
        self.turns = Turns(at_once, most_waiting=most_waiting)
        self.had: list[UUID] = []
        self.came: list[asyncio.Task[None]] = []

    async def comes(self, case_id: UUID, patience: float | None = None) -> None:
        """Somebody stands in line, and has the turn if it is free."""

        async def take() -> None:
            await self.turns.take(case_id, patience)
            self.had.append(case_id)

        self.came.append(asyncio.create_task(take()))
        await settled()

    async def over(self, case_id: UUID) -> None:
        self.turns.give_back(case_id)
        await settled()


async def settled() -> None:
    """Everything that is ready has run: a few rounds of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    made = [Line(1), Line(2)]
    yield made
    await end(*(task for line in made for task in line.came))


async def refusal(line: Line) -> ServiceError:
    """What the last one who came is refused with."""
    with pytest.raises(ServiceError) as refused:
        async with asyncio.timeout(5):
            await line.came[-1]
    return refused.value


async def test_cases_are_served_in_turn_however_many_one_of_them_sends(lines: list[Line]) -> None:
    line = lines[0]
    for case_id in (A, A, A, B, B, C):
        await line.comes(case_id)
    for case_id in (A, B, C, A, B):
        assert line.had[-1] == case_id
        await line.over(case_id)
    assert line.had == [A, B, C, A, B, A]


async def test_one_case_never_has_two_turns_at_once(lines: list[Line]) -> None:
    line = lines[1]
    for case_id in (A, A, A, B):
        await line.comes(case_id)
    assert line.had == [A, B]
    await line.over(B)
    assert line.had == [A, B]
    await line.comes(C)
    assert line.had == [A, B, C]
    await line.over(A)
    assert line.had == [A, B, C, A]


async def test_too_many_of_one_case_are_refused_with_a_time_and_others_are_not(
    lines: list[Line],
) -> None:
    line = lines[0]
    for _ in range(4):
        await line.comes(A)
    await line.comes(A)
    error = await refusal(line)
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "PICTURES_UNDER_WAY")
    assert error.retry_after is not None
    await line.comes(B)
    await line.over(A)
    assert line.had == [A, B]
    await line.over(B)
    await line.comes(A)
    assert not line.came[-1].done()


async def test_a_turn_that_does_not_come_in_time_is_refused_and_holds_nobody_up(
    lines: list[Line],
) -> None:
    line = lines[0]
    await line.comes(A)
    await line.comes(B, patience=0.01)
    error = await refusal(line)
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "READERS_BUSY")
    assert error.retry_after is not None
    await line.comes(C)
    await line.over(A)
    assert line.had == [A, C]


async def test_a_turn_that_is_free_is_had_without_any_patience(lines: list[Line]) -> None:
    await lines[0].comes(A, patience=0.0)
    assert lines[0].had == [A]


async def test_whoever_leaves_the_line_makes_room_for_the_next(lines: list[Line]) -> None:
    line = lines[0]
    await line.comes(A)
    for _ in range(3):
        await line.comes(B)
    await end(*line.came[1:])
    for _ in range(3):
        await line.comes(B)
        assert not line.came[-1].done()
    await line.over(A)
    assert line.had == [A, B]


@pytest.mark.parametrize("leaving", ["just before", "just after"])
async def test_a_turn_is_not_lost_on_whoever_leaves_as_it_comes(
    lines: list[Line], leaving: str
) -> None:
    line = lines[0]
    await line.comes(A)
    await line.comes(B)
    gone = line.came[-1]
    await line.comes(C)
    if leaving == "just before":
        gone.cancel()
        line.turns.give_back(A)
    else:
        line.turns.give_back(A)
        gone.cancel()
    await settled()
    assert line.had == [A, C]
    await line.over(C)
    await line.comes(B)
    assert line.had == [A, C, B]
