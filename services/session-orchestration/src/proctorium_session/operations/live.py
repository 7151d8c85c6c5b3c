"""Live pictures of sessions: one read for each change and replica, however many watch (`S4`, `S6`, `S7`).

A notice says that a session has changed; the one reader of this replica reads what changed since its last picture, and wakes those
whom it concerns. Watchers look at the newest picture when they get to it: nothing queues up for a slow one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import TypeVar, cast
from uuid import UUID

import structlog
from structlog.typing import FilteringBoundLogger

from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_common.tasks import end
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Standing, admitted, has_settled
from proctorium_session.domain.refusals import no_session
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Session
from proctorium_session.operations.recording import CHANNEL
from proctorium_session.storage import participants, revisions, sessions

T = TypeVar("T")

_log: FilteringBoundLogger = structlog.get_logger()
_FIRST_RETRY, _LAST_RETRY = 0.1, 2.0


@dataclass(frozen=True)
class Picture:
    """A session and everybody in it, as of one revision. Never changed, so it can be shared by all watchers."""

    session: Session
    learner_ids: tuple[UUID, ...]
    standings: Mapping[UUID, Standing]
    of_person: Mapping[UUID, UUID]
    _made: dict[Hashable, object] = field(default_factory=dict, repr=False)

    @property
    def revision(self) -> int:
        """Counts the changes; what a cursor says."""
        return self.session.revision

    def standing_of(self, person_id: UUID) -> Standing | None:
        """The person in the session."""
        participant_id = self.of_person.get(person_id)
        return None if participant_id is None else self.standings[participant_id]

    def changed_for(self, standing: Standing) -> int:
        """The revision in which the learner's own view changed last."""
        return max(self.session.session_revision, standing.participant.revision)

    def changed_since(self, revision: int) -> list[Standing]:
        """Those who have changed after `revision`, in the order in which they did."""
        changed = [s for s in self.standings.values() if s.participant.revision > revision]
        return sorted(changed, key=lambda each: each.participant.revision)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of this picture, made for the first who asks and shared with the others."""
        if key not in self._made:
            self._made[key] = make()
        return cast(T, self._made[key])


def is_over_for(picture: Picture, standing: Standing) -> bool:
    """Whether nothing will change any more for the learner."""
    return picture.session.state.over or standing.participant.state is ParticipantState.REMOVED


def is_settled(picture: Picture) -> bool:
    """Return whether nothing will change any more for those who supervise: the session is over, and so are its attempts."""
    match picture.session.state:
        case SessionState.CANCELLED:
            return True
        case SessionState.ENDED:
            return all(map(has_settled, picture.standings.values()))
        case _:
            return False


class LiveSession:
    """One session on this replica, as long as somebody watches it."""

    def __init__(self, database: Database, session_id: UUID) -> None:
        self._database = database
        self._session_id = session_id
        self._picture: Picture | None = None
        self._reading = asyncio.Lock()
        self._reads_begun = 0
        self._last_read = 0
        self._dirty = False
        self._task: asyncio.Task[None] | None = None
        self._learners: dict[UUID, set[asyncio.Event]] = {}
        self._rosters: set[asyncio.Event] = set()
        self.woken: Sequence[Standing] = ()
        """Those learners among the watchers whom the newest picture concerns: what each is sent can be made for all of them at once."""
        self.watchers = 0

    @property
    def picture(self) -> Picture:
        """The newest picture; there is one once `at_least` has answered."""
        assert self._picture is not None
        return self._picture

    async def at_least(self, revision: int, person_id: UUID | None = None) -> Picture:
        """A picture no older than `revision` and with the person in it, read now where the present one is not.

        Somebody who has just joined on another replica, or saw more there, is not shown less here. Raises NOT_FOUND for an
        unknown session, DATABASE_UNAVAILABLE.
        """
        picture = self._picture
        knows = picture is not None and (person_id is None or person_id in picture.of_person)
        if picture is not None and knows and picture.revision >= revision:
            return picture
        return await self.read()

    async def read(self) -> Picture:
        """A picture that was read after this call began; calls that come together share one read."""
        started_before = self._reads_begun
        async with self._reading:
            if self._last_read <= started_before:
                self._reads_begun += 1
                this_read = self._reads_begun
                self._show(await self._read())
                self._last_read = this_read
            return self.picture

    def changed(self) -> None:
        """A notice came: reads what changed, soon and once for all notices that came meanwhile."""
        self._dirty = True
        if self._task is None:
            # An empty context: the reading belongs to no single watcher's call or trace.
            self._task = asyncio.create_task(self._keep_up(), context=Context())

    @contextmanager
    def learner(self, participant_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the participant's own view may have changed."""
        event = asyncio.Event()
        self._learners.setdefault(participant_id, set()).add(event)
        try:
            yield event
        finally:
            self._learners[participant_id].discard(event)
            if not self._learners[participant_id]:
                del self._learners[participant_id]

    @contextmanager
    def roster(self) -> Iterator[asyncio.Event]:
        """An event that is set when anything of the session has changed."""
        event = asyncio.Event()
        self._rosters.add(event)
        try:
            yield event
        finally:
            self._rosters.discard(event)

    async def close(self) -> None:
        """Stops reading."""
        if self._task is not None:
            await end(self._task)

    async def _keep_up(self) -> None:
        retry = _FIRST_RETRY
        try:
            while self._dirty:
                self._dirty = False
                try:
                    await self.read()
                except (ServiceError, OSError) as error:
                    self._dirty = True
                    _log.warning(
                        "live_read_failed", session_id=str(self._session_id), error=repr(error)
                    )
                    await asyncio.sleep(retry)
                    retry = min(retry * 2, _LAST_RETRY)
                else:
                    retry = _FIRST_RETRY
        finally:
            self._task = None

    async def _read(self) -> Picture:
        before = self._picture
        if before is None:
            return await self._read_all()
        changes = await revisions.since(self._database, self._session_id, before.revision)
        if changes is None:
            raise no_session()
        if before.revision == changes.session.revision:
            return before
        return _picture(before, changes.session, before.learner_ids, changes.standings)

    async def _read_all(self) -> Picture:
        async with self._database.transaction(repeatable_read=True) as tx:
            session = await sessions.find(tx, self._session_id)
            if session is None:
                raise no_session()
            everybody = await participants.of_session(tx, self._session_id)
            invited = await sessions.learner_ids(tx, self._session_id)
        return _picture(None, session, invited, everybody)

    def _show(self, picture: Picture) -> None:
        before, self._picture = self._picture, picture
        if before is None or before is picture:
            return
        for event in self._rosters:
            event.set()
        if picture.session.session_revision > before.session.session_revision:
            concerned: Iterable[Standing] = picture.standings.values()
        else:
            concerned = picture.changed_since(before.revision)
        learners = self._learners
        self.woken = [s for s in concerned if s.participant.participant_id in learners]
        for standing in self.woken:
            for event in learners[standing.participant.participant_id]:
                event.set()


def _picture(
    before: Picture | None,
    session: Session,
    expected: tuple[UUID, ...],
    changed: list[Standing],
) -> Picture:
    found = before.standings if before else {}
    if before is not None and _began_between(before.session, session):
        standings = {each: admitted(standing, session) for each, standing in found.items()}
    else:
        standings = dict(found)
    of_person = dict(before.of_person) if before else {}
    for standing in changed:
        participant = standing.participant
        standings[participant.participant_id] = standing
        of_person[participant.person_id] = participant.participant_id
    return Picture(session, expected, standings, of_person)


def _began_between(before: Session, after: Session) -> bool:
    return before.actual_start_time is None and after.actual_start_time is not None


class Live:
    """The sessions that are watched on this replica, and the one subscription that wakes them."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._sessions: dict[UUID, LiveSession] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def session(self, session_id: UUID) -> AsyncIterator[LiveSession]:
        """The live session, shared by all who watch it within the block."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen(), name="live", context=Context())
        live = self._sessions.setdefault(session_id, LiveSession(self._database, session_id))
        live.watchers += 1
        try:
            yield live
        finally:
            live.watchers -= 1
            if not live.watchers:
                self._sessions.pop(session_id, None)
                await live.close()

    async def close(self) -> None:
        """Ends the subscription."""
        if self._task is not None:
            await end(self._task)

    async def _listen(self) -> None:
        async with self._listener.subscribe(CHANNEL) as notices:
            async for notice in notices:
                for live in self._concerned(notice):
                    live.changed()

    def _concerned(self, notice: str | None) -> list[LiveSession]:
        if notice is None:  # something may have been missed
            return list(self._sessions.values())
        live = self._sessions.get(UUID(notice))
        return [live] if live is not None else []
