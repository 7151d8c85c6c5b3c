"""Saving answers (`A6`), the hot path: many learners' changes in few transactions, acknowledged after the commit.

It needs the database and nothing else. Questions are checked from memory: an attempt's questions never change once it has begun.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import AnswerSheet, Change, Saved
from proctorium_assessment.domain.answers import Answer, check_fits, not_in_attempt
from proctorium_assessment.domain.attempts import BEGUN, not_begun, not_yours
from proctorium_assessment.domain.items import Item
from proctorium_assessment.storage import answers, assessments, attempts
from proctorium_assessment.storage.items import answer_to_bytes
from proctorium_common.clock import Clock
from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Database
from proctorium_common.storage.group_commit import GroupCommit
from proctorium_common.storage.transient import said_as_unavailable
from proctorium_common.telemetry.traces import annotate

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

_REMEMBERED_ATTEMPTS = 20_000


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One change as the learner sent it."""

    sequence: int
    item_id: UUID
    answer: Answer
    client_time: datetime | None


@dataclass(frozen=True, slots=True)
class _Form:
    """What never changes of an attempt that has begun."""

    person_id: UUID
    session_id: UUID | None
    participant_id: UUID | None
    items: Mapping[UUID, Item]


@dataclass(frozen=True, slots=True)
class _Request:
    attempt_id: UUID
    changes: Sequence[Change]
    received_at: datetime


class AnswerSaver:
    """Saves answers. One for each process; close it before the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._forms: OrderedDict[UUID, _Form] = OrderedDict()
        self._own = _OwnConnection(database)
        self._group: GroupCommit[_Request, Saved | ServiceError] = GroupCommit(self._flush)

    async def save(
        self, person_id: UUID | None, attempt_id: UUID, given: Sequence[GivenAnswer]
    ) -> Saved:
        """Saves all of `given` or none, and returns after the commit.

        Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_BEGUN, ITEM_NOT_IN_ATTEMPT, ANSWER_NOT_FITTING, SEQUENCE_REUSED, and
        ATTEMPT_SUBMITTED or TIME_OVER when the new changes were kept as late.
        """
        received_at = self._clock()
        form = self._forms.get(attempt_id) or await self._load(person_id, attempt_id)
        if form.person_id != person_id:
            raise not_yours()
        annotate(session_id=form.session_id, participant_id=form.participant_id)
        changes = [_checked(form, each) for each in given]
        outcome = await self._group.submit(_Request(attempt_id, changes, received_at))
        if isinstance(outcome, ServiceError):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Returns when all that was taken is saved; what comes later is refused."""
        await self._group.close()
        await self._own.close()

    async def _load(self, person_id: UUID | None, attempt_id: UUID) -> _Form:
        async with self._database.transaction() as tx:
            attempt = await attempts.find(tx, attempt_id)
            if attempt is None or attempt.person_id != person_id:
                raise not_yours()
            if attempt.state not in BEGUN:
                raise not_begun(attempt.state)
            assessment = await assessments.find(tx, attempt.assessment_id)
        items = {item.item_id: item for item in assessment.items} if assessment else {}
        form = _Form(attempt.person_id, attempt.session_id, attempt.participant_id, items)
        self._forms[attempt_id] = form
        if len(self._forms) > _REMEMBERED_ATTEMPTS:
            self._forms.popitem(last=False)
        return form

    async def _flush(self, batch: Sequence[_Request]) -> list[Saved | ServiceError]:
        asked: dict[UUID, list[int]] = {}
        for request in batch:
            sequences = asked.setdefault(request.attempt_id, [])
            sequences.extend(change.sequence for change in request.changes)
        async with self._own.transaction() as connection:
            sheets = await answers.hold(connection, asked)
            now = self._clock()
            outcomes = [_saved(sheets.get(request.attempt_id), request, now) for request in batch]
            await answers.write(connection, sheets.values())
        return outcomes


def _checked(form: _Form, given: GivenAnswer) -> Change:
    item = form.items.get(given.item_id)
    if item is None:
        raise not_in_attempt(given.item_id)
    check_fits(item, given.answer)
    return Change(given.sequence, given.item_id, answer_to_bytes(given.answer), given.client_time)


def _saved(sheet: AnswerSheet | None, request: _Request, now: datetime) -> Saved | ServiceError:
    """What one request comes to: its refusal is its own, and the others of the group are saved."""
    if sheet is None:
        return not_yours()
    try:
        return sheet.save(request.changes, request.received_at, now)
    except ServiceError as refused:
        return refused


class _OwnConnection:
    """The one connection that groups are saved on, made anew when it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Commits when the block ends well. Raises DATABASE_UNAVAILABLE for what passes by itself."""
        with said_as_unavailable():
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._database.connect()
            async with self._connection.transaction():
                yield self._connection

    async def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
