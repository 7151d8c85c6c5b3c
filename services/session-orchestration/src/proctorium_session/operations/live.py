"""Live snapshots of sessions (`S4`, `S6`, `S7`).

A replica reads each change of a session once for all watchers. When a notification arrives that a session has changed,
the replica reads the changes since its newest snapshot. It then wakes the watchers whose views changed. A watcher
always takes the newest snapshot, so that no changes are queued for a slow watcher. Messages are not conflated: see
`delivery.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import TypeVar, cast
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.metrics import Metrics
from proctorium_session.domain.errors import no_session
from proctorium_session.domain.participants import (
    ParticipantView,
    after_session_pause,
    after_start,
    are_attempts_final,
)
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.changes import CHANNEL
from proctorium_session.operations.delivery import (
    MAX_WINDOW,
    MessageBatch,
    MessageWindow,
    next_batch,
)
from proctorium_session.storage import conversations, participants, revisions, sessions

T = TypeVar("T")

_log = get_logger()
_MIN_BACKOFF, _MAX_BACKOFF = 0.1, 2.0
"""The first and the maximum delay before a failed read is retried, in seconds."""


@dataclass(frozen=True)
class Snapshot:
    """A session and its participants at one revision. A snapshot is immutable, so that watchers can share it."""

    session: Session
    learner_ids: tuple[UUID, ...]
    views: Mapping[UUID, ParticipantView]
    participant_ids: Mapping[UUID, UUID]
    messages: MessageWindow
    _cache: dict[Hashable, object] = field(default_factory=dict, repr=False)

    @property
    def revision(self) -> int:
        """The revision of the session. A cursor contains this number."""
        return self.session.revision

    def view_of(self, person_id: UUID) -> ParticipantView | None:
        """Return the participant of this person, or None if the person has not joined."""
        participant_id = self.participant_ids.get(person_id)
        return None if participant_id is None else self.views[participant_id]

    def revision_for(self, view: ParticipantView) -> int:
        """Return the revision of the last change that the participant `view` can see."""
        return max(self.session.session_revision, view.participant.revision)

    def changed_since(self, revision: int) -> list[ParticipantView]:
        """Return the participants that changed after `revision`, ordered by the revision of the last change."""
        changed = [view for view in self.views.values() if view.participant.revision > revision]
        return sorted(changed, key=lambda view: view.participant.revision)

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the cached result of `make` for `key`. Call `make` only if no result is cached."""
        if key not in self._cache:
            self._cache[key] = make()
        return cast(T, self._cache[key])


def is_final(snapshot: Snapshot) -> bool:
    """Return whether the roster cannot change any more.

    The roster is final if the session was cancelled, or if the session ended, its proctors cannot reopen it, and all
    attempts are final.
    """
    session = snapshot.session
    if session.state is SessionState.CANCELLED:
        return True
    return session.is_final and all(map(are_attempts_final, snapshot.views.values()))


@dataclass(eq=False, slots=True)
class LearnerWatch:
    """A stream of a learner.

    `woken` is set when the learner's view may have changed. The stream has sent all messages of the learner up to the
    revision `received`.
    """

    received: int
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class LiveSession:
    """A session with watchers on this replica."""

    def __init__(
        self, database: Database, session_id: UUID, metrics: Metrics | None = None
    ) -> None:
        self._database = database
        self._metrics = metrics or Metrics("unnamed")
        self._session_id = session_id
        self._snapshot: Snapshot | None = None
        self._reading = asyncio.Lock()
        self._reads_started = 0
        self._last_read = 0
        self._dirty = False
        self._notified_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._learners: dict[UUID, set[LearnerWatch]] = {}
        self._rosters: set[asyncio.Event] = set()
        self.woken_learners: Sequence[ParticipantView] = ()
        """The watching learners whose views the newest snapshot changes. Their views can be encoded together."""
        self.watchers = 0

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot. Call `snapshot_since` or `read` before the first use."""
        assert self._snapshot is not None
        return self._snapshot

    async def snapshot_since(self, revision: int, person_id: UUID | None = None) -> Snapshot:
        """Return a snapshot of `revision` or a later revision. Read a new snapshot if necessary.

        If `person_id` is given and the person has joined, the snapshot contains the person, even if the person joined
        on another replica. A learner who received a newer revision from another replica does not receive an older
        revision here. Raises NOT_FOUND for an unknown session, and DATABASE_UNAVAILABLE.
        """
        snapshot = self._snapshot
        has_person = snapshot is not None and (
            person_id is None or person_id in snapshot.participant_ids
        )
        if snapshot is not None and has_person and snapshot.revision >= revision:
            return snapshot
        return await self.read()

    async def read(self) -> Snapshot:
        """Return a snapshot that is read from the database after this call.

        Calls that wait for the same read share its snapshot.
        """
        started_reads = self._reads_started
        async with self._reading:
            if self._last_read <= started_reads:
                self._reads_started += 1
                this_read = self._reads_started
                self._publish(await self._read_snapshot())
                self._last_read = this_read
            return self.snapshot

    async def next_messages(
        self, snapshot: Snapshot, after: int, participant_id: UUID | None = None
    ) -> MessageBatch:
        """Return the next messages after revision `after`, up to the revision of the snapshot.

        If `participant_id` is given, returns only messages that this participant may read. Raises DATABASE_UNAVAILABLE.
        """
        if snapshot.session.message_revision <= after:
            return MessageBatch((), snapshot.revision)
        return await next_batch(
            self._database,
            self._session_id,
            snapshot.messages,
            after=after,
            until=snapshot.revision,
            participant_id=participant_id,
        )

    def notify(self) -> None:
        """Start a task that reads the changes of the session.

        All notifications that arrive during a read cause only one further read.
        """
        if not self._dirty:
            self._notified_at = asyncio.get_running_loop().time()
        self._dirty = True
        if self._task is None:
            # The task has an empty context, so that it does not belong to the call or the trace of a watcher.
            self._task = asyncio.create_task(self._read_changes(), context=Context())

    @contextmanager
    def learner(self, participant_id: UUID, received: int) -> Iterator[LearnerWatch]:
        """Yield a watch, which is woken when the participant's view may have changed."""
        watch = LearnerWatch(received)
        self._learners.setdefault(participant_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._learners[participant_id].discard(watch)
            if not self._learners[participant_id]:
                del self._learners[participant_id]

    @contextmanager
    def roster(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set when the session or a participant may have changed."""
        event = asyncio.Event()
        self._rosters.add(event)
        try:
            yield event
        finally:
            self._rosters.discard(event)

    async def close(self) -> None:
        """Stop the task that reads changes."""
        if self._task is not None:
            await end(self._task)

    async def _read_changes(self) -> None:
        backoff = _MIN_BACKOFF
        try:
            while self._dirty:
                self._dirty = False
                before, notified_at = self._snapshot, self._notified_at
                try:
                    await self.read()
                except (ServiceError, OSError) as error:
                    self._dirty = True
                    _log.warning(
                        "live_read_failed", session_id=str(self._session_id), error=repr(error)
                    )
                    await asyncio.sleep(backoff)
                    backoff = min(backoff * 2, _MAX_BACKOFF)
                else:
                    backoff = _MIN_BACKOFF
                    if before is not None and self._snapshot is not before:
                        self._record_fan_out(notified_at)
        finally:
            self._task = None

    def _record_fan_out(self, notified_at: float) -> None:
        """Record the duration of the fan-out as soon as all woken watchers have run once.

        A woken watcher encodes and sends its view before it waits for anything else. The event loop runs the watchers
        in the order in which they were woken, and this callback after them.
        """
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: self._metrics.record_fan_out(loop.time() - notified_at))

    async def _read_snapshot(self) -> Snapshot:
        before = self._snapshot
        if before is None:
            return await self._read_all()
        changes = await revisions.get_changes_since(
            self._database, self._session_id, before.revision
        )
        if changes is None:
            raise no_session()
        if before.revision == changes.session.revision:
            return before
        window = before.messages
        if changes.session.message_revision > before.revision:
            window = await self._extended(window, before.revision, changes.session.revision)
        return _build_snapshot(before, changes.session, before.learner_ids, changes.views, window)

    async def _extended(self, window: MessageWindow, after: int, until: int) -> MessageWindow:
        # Messages never change, and their revisions become visible in order. Therefore a separate read is consistent.
        async with self._database.transaction() as tx:
            newer = await conversations.list_newest_messages(
                tx, self._session_id, after, until, limit=MAX_WINDOW + 1
            )
        return window.extended(newer)

    async def _read_all(self) -> Snapshot:
        async with self._database.transaction(repeatable_read=True) as tx:
            session = await sessions.get_session(tx, self._session_id)
            if session is None:
                raise no_session()
            views = await participants.list_views(tx, self._session_id)
            invited = await sessions.list_invited_learner_ids(tx, self._session_id)
        return _build_snapshot(None, session, invited, views, MessageWindow(session.revision))

    def _publish(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        if before is None or before is snapshot:
            return
        for event in self._rosters:
            event.set()
        if snapshot.session.session_revision > before.session.session_revision:
            concerned: Iterable[ParticipantView] = snapshot.views.values()
        else:
            concerned = snapshot.changed_since(before.revision)
        learners = self._learners
        self.woken_learners = [
            view for view in concerned if view.participant.participant_id in learners
        ]
        for view in self.woken_learners:
            for watch in learners[view.participant.participant_id]:
                watch.woken.set()
        for watches in learners.values():
            for watch in watches:
                # The new snapshot has no messages for a learner who is not woken, so the learner has received all
                # messages up to the revision of the snapshot. Without this update, `received` could become older than
                # the window of messages.
                if not watch.woken.is_set() and watch.received == before.revision:
                    watch.received = snapshot.revision


def _build_snapshot(
    before: Snapshot | None,
    session: Session,
    learner_ids: tuple[UUID, ...],
    changed: list[ParticipantView],
    window: MessageWindow,
) -> Snapshot:
    views = dict(before.views) if before else {}
    if before is not None and _was_started(before.session, session):
        views = {each: after_start(view, session) for each, view in views.items()}
    if before is not None and before.session.pause != session.pause:
        views = {each: after_session_pause(view, session) for each, view in views.items()}
    participant_ids = dict(before.participant_ids) if before else {}
    for view in changed:
        participant = view.participant
        views[participant.participant_id] = view
        participant_ids[participant.person_id] = participant.participant_id
    return Snapshot(session, learner_ids, views, participant_ids, window)


def _was_started(before: Session, after: Session) -> bool:
    return before.actual_start_time is None and after.actual_start_time is not None


class Live:
    """The sessions that have watchers on this replica, and the subscription to the notifications about sessions."""

    def __init__(
        self, database: Database, listener: Listener, metrics: Metrics | None = None
    ) -> None:
        self._database = database
        self._listener = listener
        self._metrics = metrics
        self._sessions: dict[UUID, LiveSession] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def session(self, session_id: UUID) -> AsyncIterator[LiveSession]:
        """Yield the `LiveSession` that all watchers of the session on this replica share."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen(), name="live", context=Context())
        live = self._sessions.setdefault(
            session_id, LiveSession(self._database, session_id, self._metrics)
        )
        live.watchers += 1
        try:
            yield live
        finally:
            live.watchers -= 1
            if not live.watchers:
                self._sessions.pop(session_id, None)
                await live.close()

    async def close(self) -> None:
        """End the subscription."""
        if self._task is not None:
            await end(self._task)

    async def _listen(self) -> None:
        async with self._listener.subscribe(CHANNEL) as notices:
            async for notice in notices:
                for live in self._concerned(notice):
                    live.notify()

    def _concerned(self, notice: str | None) -> list[LiveSession]:
        if notice is None:  # notifications may have been lost
            return list(self._sessions.values())
        live = self._sessions.get(UUID(notice))
        return [live] if live is not None else []
