"""Tests of the delivery of messages over the live streams: each message once, in order, to everybody it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import grpc
import pytest

from proctorium.session.v1 import lobby_pb2, supervision_pb2
from proctorium.session.v1 import messages_pb2 as pb
from proctorium_common.tasks import end as cancel
from proctorium_devstack.testing.waiting import next_response, until
from proctorium_session.operations import delivery, live

from .harness import Harness, Person, end
from .test_conversations import Scene, announce, in_progress, mark, send

Response = lobby_pb2.WatchSessionResponse | supervision_pb2.WatchRosterResponse
Call = grpc.aio.UnaryStreamCall[Any, Any]

BEFORE_HEARTBEAT = 12
"""A timeout in seconds. It is shorter than the interval of heartbeats, because a heartbeat would wake a stream."""


class Reader:
    """A client that watches a session, and that reconnects with its last cursor.

    `cursor` is the last cursor, and `messages` contains the texts of all received messages.
    """

    def __init__(self, open_call: Callable[[str], Call]) -> None:
        self._open_call = open_call
        self._reading: asyncio.Task[None] | None = None
        self.cursor = ""
        self.messages: list[str] = []
        self.responses: list[Response] = []

    async def connect(self) -> None:
        """Open the stream, and wait for its first response unless the client has the newest cursor."""
        self._reading = asyncio.create_task(self._read(self._open_call(self.cursor)))
        await until(lambda: self.cursor)

    async def responds(self) -> None:
        """Wait for the first response of a client."""
        await until(lambda: self.responses)

    async def disconnect(self) -> None:
        """Close the stream."""
        assert self._reading is not None
        await cancel(self._reading)

    async def receives(self, *texts: str) -> None:
        """Wait until the client has received as many messages as `texts`, and compare them."""
        await until(lambda: len(self.messages) >= len(texts), timeout=BEFORE_HEARTBEAT)
        assert self.messages == list(texts)

    async def _read(self, call: Call) -> None:
        try:
            while True:
                response: Response = await next_response(call)
                self.responses.append(response)
                self.cursor = response.cursor
                self.messages += [each.text for each in response.messages]
        except StopAsyncIteration:
            pass
        finally:
            call.cancel()


def learner_reader(person: Person, session_id: str) -> Reader:
    return Reader(
        lambda cursor: person.lobby.WatchSession(
            lobby_pb2.WatchSessionRequest(session_id=session_id, cursor=cursor)
        )
    )


def roster_reader(person: Person, session_id: str) -> Reader:
    return Reader(
        lambda cursor: person.supervision.WatchRoster(
            supervision_pb2.WatchRosterRequest(session_id=session_id, cursor=cursor)
        )
    )


async def test_each_stream_has_the_messages_that_its_reader_may_see(harness: Harness) -> None:
    scene = await in_progress(harness)
    own, other = (learner_reader(each, scene.session_id) for each in (scene.learner, scene.other))
    roster = roster_reader(scene.proctor, scene.session_id)
    readers = (own, other, roster)
    for reader in readers:
        await reader.connect()
    await send(scene.learner, scene.message("question"))
    await send(scene.proctor, scene.message("answer"))
    await announce(scene.proctor, scene.announcement("to all"))
    await send(scene.other, scene.message("hello", participant_id=scene.other_participant_id))
    await roster.receives("question", "answer", "to all", "hello")
    await own.receives("question", "answer", "to all")
    await other.receives("to all", "hello")
    for reader in readers:
        await reader.disconnect()


async def test_unread_counts_reach_both_sides(harness: Harness) -> None:
    scene = await in_progress(harness)
    own, roster = (
        learner_reader(scene.learner, scene.session_id),
        roster_reader(scene.proctor, scene.session_id),
    )
    await own.connect()
    await roster.connect()
    await send(scene.proctor, scene.message())
    await announce(scene.proctor, scene.announcement())

    def learner_view() -> tuple[int, int, int]:
        view = own.responses[-1]
        conversation = view.participant.conversation
        announced = view.session.announcement_count
        return (
            conversation.learner_unread_count,
            announced,
            conversation.announcements_read_sequence,
        )

    await until(lambda: learner_view() == (1, 1, 0))
    await mark(scene.learner, scene.mark(1, scene.participant_id))
    await mark(scene.learner, scene.mark(1))
    await until(lambda: learner_view() == (0, 1, 1))
    await send(scene.learner, scene.message())

    def unread() -> set[int]:
        return {
            each.participant.conversation.proctors_unread_count
            for each in roster.responses
            if isinstance(each, supervision_pb2.WatchRosterResponse)
        }

    await until(lambda: 1 in unread())
    for reader in (own, roster):
        await reader.disconnect()


@pytest.mark.parametrize("window", [1, 200], ids=["from the database", "from memory"])
async def test_client_that_reconnects_receives_what_it_missed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    for module in (delivery, live):
        monkeypatch.setattr(module, "MAX_WINDOW", window)
    monkeypatch.setattr(delivery, "MAX_BATCH", 2)
    scene = await in_progress(harness)
    own, roster = (
        learner_reader(scene.learner, scene.session_id),
        roster_reader(scene.proctor, scene.session_id),
    )
    # Another stream keeps the live session in memory.
    other = learner_reader(scene.other, scene.session_id)
    for reader in (own, roster, other):
        await reader.connect()
    await send(scene.learner, scene.message("0"))
    for reader in (own, roster):
        await reader.receives("0")
        await reader.disconnect()
    texts = [str(each) for each in range(1, 6)]
    for text in texts:
        await send(scene.learner, scene.message(text))
    await announce(scene.proctor, scene.announcement("last"))
    await other.receives("last")
    for reader in (own, roster):
        await reader.connect()
        await reader.receives("0", *texts, "last")
        assert max(len(each.messages) for each in reader.responses) <= 2
    for reader in (own, roster, other):
        await reader.disconnect()


async def test_client_that_disconnects_between_batches_misses_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await in_progress(harness)
    own, roster = (
        learner_reader(scene.learner, scene.session_id),
        roster_reader(scene.proctor, scene.session_id),
    )
    # A second device keeps the learner connected. Otherwise, a change of presence would wake the streams.
    device = learner_reader(scene.learner, scene.session_id)
    await device.connect()
    await until(lambda: device.responses[-1].participant.connected)
    for reader in (own, roster):
        await reader.connect()
        await reader.disconnect()
    texts = [str(each) for each in range(5)]
    for text in texts:
        await send(scene.learner, scene.message(text))
    monkeypatch.setattr(delivery, "MAX_BATCH", 2)
    for reader in (own, roster):
        await reader.connect()
        await reader.receives(*texts)
        await reader.disconnect()
        # A client that connects with the cursor of a response receives exactly the messages of the later responses.
        for number, response in enumerate(reader.responses):
            received = [m.text for each in reader.responses[: number + 1] for m in each.messages]
            again = Reader(reader._open_call)
            again.cursor = response.cursor
            await again.connect()
            await again.receives(*texts[len(received) :])
            await again.disconnect()
    await device.disconnect()


async def test_new_client_receives_only_new_messages(harness: Harness) -> None:
    scene = await in_progress(harness)
    await send(scene.learner, scene.message("before"))
    for cursor in ("", "999999", "not a cursor"):
        for reader in (
            learner_reader(scene.learner, scene.session_id),
            roster_reader(scene.proctor, scene.session_id),
        ):
            reader.cursor = cursor
            await reader.connect()
            await reader.responds()
            await send(scene.proctor, scene.message(f"after {cursor}"))
            await reader.receives(f"after {cursor}")
            await reader.disconnect()


async def test_messages_on_one_replica_reach_the_watchers_of_the_other(harness: Harness) -> None:
    scene = await in_progress(harness)
    async with harness.replica() as other:
        learner = other.person("learner", person_id=scene.learner.person_id)
        proctor = other.person("proctor", person_id=scene.proctor.person_id)
        here = learner_reader(scene.learner, scene.session_id)
        there = roster_reader(proctor, scene.session_id)
        for reader in (here, there):
            await reader.connect()
        await send(scene.learner, scene.message("question"))
        await send(proctor, scene.message("answer"))
        for reader in (here, there):
            await reader.receives("question", "answer")
        # The cursor of one replica is valid on the other.
        await here.disconnect()
        await send(scene.proctor, scene.message("more"))
        moved = learner_reader(learner, scene.session_id)
        moved.cursor = here.cursor
        await moved.connect()
        await moved.receives("more")
        for reader in (moved, there):
            await reader.disconnect()


async def test_administrator_who_is_a_learner_watches_no_messages(harness: Harness) -> None:
    scene = await in_progress(harness)
    both = harness.person("learner", "administrator", person_id=scene.learner.person_id)
    roster = roster_reader(both, scene.session_id)
    control = roster_reader(harness.administrator(), scene.session_id)
    for reader in (roster, control):
        await reader.connect()
    await send(scene.other, scene.message("secret", participant_id=scene.other_participant_id))
    await control.receives("secret")
    await until(
        lambda: any(
            isinstance(each, supervision_pb2.WatchRosterResponse)
            and each.participant.conversation.message_count
            for each in roster.responses
        )
    )
    assert not roster.messages
    for reader in (roster, control):
        await reader.disconnect()


async def test_after_the_end_only_learners_receive_earlier_messages(harness: Harness) -> None:
    scene = await in_progress(harness)
    own, roster = (
        learner_reader(scene.learner, scene.session_id),
        roster_reader(scene.proctor, scene.session_id),
    )
    for reader in (own, roster):
        await reader.connect()
        await reader.disconnect()
    await send(scene.proctor, scene.message("last"))
    await end(scene.proctor, scene.session_id)
    await own.connect()
    await own.receives("last")
    responses = len(roster.responses)
    await roster.connect()
    await until(lambda: len(roster.responses) > responses)
    # Proctors read messages with ListMessages, which checks their access to the record.
    assert not roster.messages
    for reader in (own, roster):
        await reader.disconnect()


class Room:
    """Two learners and a proctor who send messages, read them and reconnect in a random order."""

    def __init__(self, scene: Scene, random: Random, people: dict[str, list[Person]]) -> None:
        self._scene = scene
        self._random = random
        self._people = people
        self.readers: list[tuple[str, Reader]] = []
        self.expected: dict[str, list[str]] = {"learner": [], "other": [], "proctor": []}

    async def step(self, number: int) -> None:
        """Do one random thing."""
        actions: list[Callable[[int], Awaitable[None]]] = [
            self._send,
            self._send,
            self._announce,
            self._mark,
            self._reconnect,
        ]
        await self._random.choice(actions)(number)

    async def _send(self, number: int) -> None:
        learner = self._random.choice(("learner", "other"))
        sender = self._random.choice((learner, "proctor"))
        text = f"{number} from {sender} to {learner}"
        request = self._scene.message(text, participant_id=self._participant_id(learner))
        await send(self._person(sender), request)
        for each in (learner, "proctor"):
            self.expected[each].append(text)

    async def _announce(self, number: int) -> None:
        text = f"{number} to all"
        await announce(self._person("proctor"), self._scene.announcement(text))
        for each in self.expected.values():
            each.append(text)

    async def _mark(self, number: int) -> None:
        learner = self._random.choice(("learner", "other"))
        reader = self._random.choice((learner, "proctor"))
        request: pb.MarkMessagesReadRequest = self._scene.mark(
            self._random.randint(1, 9), self._participant_id(learner)
        )
        await mark(self._person(reader), request)

    async def _reconnect(self, number: int) -> None:
        _, reader = self._random.choice(self.readers)
        await reader.disconnect()
        if self._random.random() < 0.5:
            await self._send(number)
        await reader.connect()

    def _person(self, name: str) -> Person:
        return self._random.choice(self._people[name])

    def _participant_id(self, learner: str) -> str:
        own = learner == "learner"
        return self._scene.participant_id if own else self._scene.other_participant_id


@pytest.mark.parametrize("seed", range(3))
async def test_random_traffic_is_delivered_once_and_in_order(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    for module in (delivery, live):
        monkeypatch.setattr(module, "MAX_WINDOW", 3)
    monkeypatch.setattr(delivery, "MAX_BATCH", 2)
    scene = await in_progress(harness)
    async with harness.replica() as other:
        owners = {"learner": scene.learner, "other": scene.other, "proctor": scene.proctor}
        people = {
            name: [
                each,
                other.person(
                    "proctor" if name == "proctor" else "learner", person_id=each.person_id
                ),
            ]
            for name, each in owners.items()
        }
        room = Room(scene, Random(seed), people)
        for name, (here, there) in people.items():
            for person in (here, there):
                opener = roster_reader if name == "proctor" else learner_reader
                reader = opener(person, scene.session_id)
                await reader.connect()
                room.readers.append((name, reader))
        for number in range(60):
            await room.step(number)
        for name, reader in room.readers:
            await reader.receives(*room.expected[name])
            await reader.disconnect()
