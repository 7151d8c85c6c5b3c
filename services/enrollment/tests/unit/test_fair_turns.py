from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from proctorium_enrollment.storage.fair_turns import FairTurns, NoPlaceError


def test_one_group_leaves_places_to_others_and_all_together_have_so_many() -> None:
    turns = FairTurns(at_once=1, places=3, most_of_one=2)
    with ExitStack() as inside:
        for group in ("a", "a"):
            inside.enter_context(turns.place(group))
        with pytest.raises(NoPlaceError), turns.place("a"):
            pass
        with turns.place("b"), pytest.raises(NoPlaceError), turns.place("c"):
            pass
        with turns.place("c"):
            pass
    with turns.place("a"):
        pass
    assert not turns._inside


async def order_of(turns: FairTurns, groups: str, leaving: frozenset[int] = frozenset()) -> str:
    """In which order the groups have their turns, when all come while one is taken; some stop waiting."""
    taken: list[str] = []

    async def take(group: str) -> None:
        async with turns.turn(group):
            taken.append(group)
            await asyncio.sleep(0)

    async with turns.turn("first"):
        tasks = [asyncio.create_task(take(group)) for group in groups]
        await asyncio.sleep(0)
        for nth in leaving:
            tasks[nth].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not turns._waiting
    assert turns._idle == 1
    return "".join(taken)


async def test_groups_take_turns_however_many_one_of_them_sends() -> None:
    turns = FairTurns(at_once=1, places=9, most_of_one=9)
    assert await order_of(turns, "aaaabbc") == "abcabaa"


async def test_who_stops_waiting_gives_the_turn_on() -> None:
    turns = FairTurns(at_once=1, places=9, most_of_one=9)
    assert await order_of(turns, "aaabbc", frozenset({0, 4, 5})) == "aba"


@pytest.mark.parametrize("called_first", [True, False])
async def test_who_is_called_and_gone_at_the_same_moment_gives_the_turn_on(
    called_first: bool,
) -> None:
    turns = FairTurns(at_once=1, places=9, most_of_one=9)
    taken = asyncio.Event()

    async def take() -> None:
        async with turns.turn("a"):
            taken.set()

    async with turns.turn("first"):
        gone, next_one = asyncio.create_task(take()), asyncio.create_task(take())
        await asyncio.sleep(0)
        if not called_first:
            gone.cancel()
    gone.cancel()
    await next_one
    assert taken.is_set()
    assert turns._idle == 1


async def test_no_more_than_so_many_have_their_turn_at_once() -> None:
    turns = FairTurns(at_once=2, places=40, most_of_one=40)
    inside = most = 0

    async def take(group: str) -> None:
        nonlocal inside, most
        async with turns.turn(group):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(take(group) for group in "abc" * 10))
    assert most == 2
