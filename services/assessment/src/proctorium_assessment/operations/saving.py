"""Saving answers (`A6`), the hot path: many learners' changes in few transactions, acknowledged after the commit.

It needs the database and nothing else. Most groups are one statement: an attempt that is still where this process left it need not be
read first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import AnswerSheet, Change, Place, Saved
from proctorium_assessment.domain.attempts import not_yours
from proctorium_assessment.operations.forms import Form, Forms
from proctorium_assessment.operations.published import PublishedAssessments
from proctorium_assessment.storage import answers
from proctorium_common.clock import Clock
from proctorium_common.errors import ServiceError
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database
from proctorium_common.telemetry.traces import annotate


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One change as the learner sent it; `answer` is an `Answer` message in whatever bytes it came."""

    sequence: int
    item_id: str
    answer: bytes
    client_time: datetime | None


@dataclass(slots=True, eq=False)
class _Request:
    form: Form
    changes: Sequence[Change]
    received_at: datetime
    outcome: Saved | ServiceError | None = None


_AT_ONCE = 3
_ENOUGH = 4
"""Groups under way side by side, each on a connection of its own, and how many requests are worth one more."""

_ByForm = Mapping[Form, Sequence[_Request]]


class AnswerSaver:
    """Saves answers. One for each process; close it before the database."""

    def __init__(self, database: Database, published: PublishedAssessments, clock: Clock) -> None:
        self._clock = clock
        self._forms = Forms(database, published)
        self._own = database.beside_pool(_AT_ONCE)
        self._group: Batcher[_Request, Saved | ServiceError] = Batcher(
            self._flush,
            at_once=_AT_ONCE,
            enough=_ENOUGH,
            key=_form_of,
        )

    async def save(
        self, person_id: UUID | None, attempt_id: str, given: Sequence[GivenAnswer]
    ) -> Saved:
        """Saves all of `given` or none, and returns after the commit.

        Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED, ITEM_NOT_IN_ATTEMPT, ANSWER_INVALID, SEQUENCE_REUSED, and
        ATTEMPT_SUBMITTED or TIME_LIMIT_EXCEEDED when the new changes were kept as late.
        """
        received_at = self._clock()
        form = self._forms.known(attempt_id) or await self._forms.load(person_id, attempt_id)
        if form.person_id != person_id:
            raise not_yours()
        annotate(session_id=form.session_id, participant_id=form.participant_id)
        changes = [_checked(form, each) for each in given]
        outcome = await self._group.submit(_Request(form, changes, received_at))
        if isinstance(outcome, ServiceError):
            raise outcome
        return outcome

    async def meet(self, person_id: UUID | None, attempt_id: str) -> None:
        """Reads what saving in the attempt needs, so that saves which begin after this are saved in that order.

        Raises nothing: the saves will say what is wrong.
        """
        if self._forms.known(attempt_id) is None:
            with suppress(ServiceError):
                await self._forms.load(person_id, attempt_id)

    async def close(self) -> None:
        """Returns when all that was taken is saved; what comes later is refused."""
        await self._group.close()
        await self._own.close()

    async def _flush(self, batch: Sequence[_Request]) -> list[Saved | ServiceError]:
        by_form: dict[Form, list[_Request]] = {}
        for request in batch:
            request.outcome = None
            by_form.setdefault(request.form, []).append(request)
        rest = await self._save_remembered(by_form)
        if rest:
            await self._save_held(rest)
        return [request.outcome for request in batch if request.outcome is not None]

    async def _save_remembered(self, by_form: _ByForm) -> _ByForm:
        """Saves in those attempts that are still where they are remembered to be; answers the others, which are untouched."""
        now = self._clock()
        sheets: dict[Form, AnswerSheet] = {}
        for form, requests in by_form.items():
            # Whatever becomes of the statement, the place is known again only after its success.
            place, form.place = form.place, None
            if place is not None and _are_new(requests, place):
                sheets[form] = AnswerSheet(form.attempt_id, place)
                _decide(sheets[form], requests, now)
        if not sheets:
            return by_form
        async with self._own.connected() as connection:
            written = await answers.write(connection, sheets.values())
        for form, sheet in sheets.items():
            if sheet.attempt_id in written:
                form.place = sheet.place
        return {form: of for form, of in by_form.items() if form.place is None}

    async def _save_held(self, by_form: _ByForm) -> None:
        """Saves in attempts whose rows are read first, and held until all is written."""
        asked = {
            form.attempt_id: [change.sequence for each in requests for change in each.changes]
            for form, requests in by_form.items()
        }
        async with self._own.connected() as connection, connection.transaction():
            sheets = await answers.hold(connection, asked)
            now = self._clock()
            for form, requests in by_form.items():
                _decide(sheets[form.attempt_id], requests, now)
            await answers.write(connection, sheets.values())
        for form in by_form:
            form.place = sheets[form.attempt_id].place


def _form_of(request: _Request) -> Form:
    return request.form


def _checked(form: Form, given: GivenAnswer) -> Change:
    question = form.question(given.item_id)
    answer = question.canonical(given.answer)
    return Change(given.sequence, question.item_id, answer, given.client_time)


def _are_new(requests: Sequence[_Request], place: Place) -> bool:
    """Whether no sequence can be one that is kept, so that nothing has to be looked up."""
    last = place.last_sequence
    return all(change.sequence > last for request in requests for change in request.changes)


def _decide(sheet: AnswerSheet, requests: Sequence[_Request], now: datetime) -> None:
    """What each request of an attempt comes to: a refusal is its own, and the others of the group are saved."""
    for request in requests:
        try:
            request.outcome = sheet.save(request.changes, request.received_at, now)
        except ServiceError as refused:
            request.outcome = refused
