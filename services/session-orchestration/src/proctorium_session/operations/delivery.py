"""Delivery of messages over the live streams (`S8`).

Live snapshots conflate changes, but messages must not be conflated. Therefore a snapshot contains a window of the
newest messages. A stream sends each message after its cursor exactly once and in order. If the window does not reach
back to the cursor, the stream reads the messages from the database.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_common.storage.database import Database
from proctorium_session.domain.conversations import Message
from proctorium_session.storage import conversations

MAX_WINDOW = 200
"""The maximum number of messages of a session that a replica stores in memory."""
MAX_BATCH = 50
"""The maximum number of messages in one response of a stream."""


@dataclass(frozen=True, slots=True)
class MessageWindow:
    """The messages of a session after the revision `start`, oldest first. A window is immutable."""

    start: int
    messages: tuple[Message, ...] = ()

    def extended(self, newer: Sequence[Message]) -> MessageWindow:
        """Return a window that also contains `newer`. The oldest messages are dropped if there are too many.

        `newer` contains all messages after the newest message of this window, or at least the newest `MAX_WINDOW + 1`.
        """
        messages = (*self.messages, *newer)
        dropped = len(messages) - MAX_WINDOW
        if dropped <= 0:
            return MessageWindow(self.start, messages)
        return MessageWindow(messages[dropped - 1].revision, messages[dropped:])

    def since(self, revision: int) -> Sequence[Message] | None:
        """Return the messages after `revision`, or None if the window does not reach back to `revision`."""
        if revision < self.start:
            return None
        return self.messages[
            bisect_right(self.messages, revision, key=lambda each: each.revision) :
        ]


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages for one response of a stream, oldest first.

    With these messages, the client has received all its messages up to the revision `end`.
    """

    messages: Sequence[Message]
    end: int


async def next_batch(
    database: Database,
    session_id: UUID,
    window: MessageWindow,
    *,
    after: int,
    until: int,
    participant_id: UUID | None,
) -> MessageBatch:
    """Return the first messages after revision `after`, up to revision `until`.

    If `participant_id` is None, these are messages of all conversations. Otherwise, these are messages of the
    participant's conversation and announcements. Raises DATABASE_UNAVAILABLE.
    """
    found = window.since(after)
    if found is None:
        async with database.transaction() as tx:
            found = await conversations.list_messages_between(
                tx, session_id, after, until, participant_id, limit=MAX_BATCH
            )
    elif participant_id is not None:
        found = [each for each in found if each.participant_id in {None, participant_id}]
    if len(found) < MAX_BATCH:
        return MessageBatch(found, until)
    batch = found[:MAX_BATCH]
    return MessageBatch(batch, batch[-1].revision)
