"""Creating, starting and reading attempts (`A4`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment import events
from proctorium_assessment.domain.answer_sheet import SavedAnswer
from proctorium_assessment.domain.assessments import (
    Assessment,
    assessment_is_proctored,
    assessment_not_found,
    assessment_not_published,
    attempt_already_taken,
)
from proctorium_assessment.domain.attempts import (
    ATTEMPT_STATES,
    STARTED_STATES,
    SUBMITTED_STATES,
    Attempt,
    AttemptAction,
    AttemptState,
    attempt_on_break,
    attempt_paused,
    identity_not_verified,
    not_your_attempt,
    participant_removed,
    session_closing,
)
from proctorium_assessment.domain.time_ledger import extended
from proctorium_assessment.operations.access import (
    annotate_attempt,
    is_removed,
    listable_person,
)
from proctorium_assessment.operations.courses import require_self_paced_registration
from proctorium_assessment.operations.ledgers import list_ledgers
from proctorium_assessment.operations.published_assessments import PublishedAssessments
from proctorium_assessment.storage import answers, assessments, attempts, sessions
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class AttemptOverview:
    """An attempt without items and answers."""

    attempt: Attempt
    title: str
    time_limit: timedelta | None
    item_count: int
    answered_count: int
    late_count: int


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """The parts of an attempt that the learner may read now.

    Before the start of the attempt, there are no items and no answers. Between the submission and the end of the
    session, and while the questions are hidden, there are answers but no items. At all other times, there are items and
    answers.
    """

    overview: AttemptOverview
    assessment: Assessment | None
    """The assessment with its items, or None if the learner may not read the items now."""
    answers: Sequence[SavedAnswer]
    late_item_numbers: Sequence[int]
    """The numbers of the items with a late revision. The first item of the attempt has the number 1."""


async def create_self_paced(
    database: Database,
    person_id: UUID,
    assessment_id: UUID,
    responder: Responder[AttemptOverview, M],
) -> M:
    """Create an attempt at a self-paced assessment, and return the response.

    If the learner already has an attempt that is not submitted, no attempt is created and the response contains the
    existing attempt.
    Raises NOT_FOUND, ASSESSMENT_NOT_PUBLISHED, ASSESSMENT_IS_PROCTORED, LEARNER_NOT_REGISTERED, ATTEMPT_ALREADY_TAKEN.
    """

    async def run(tx: Transaction) -> AttemptOverview:
        assessment = (await assessments.get_descriptions(tx, [assessment_id])).get(assessment_id)
        if assessment is None:
            raise assessment_not_found()
        if assessment.published_at is None:
            raise assessment_not_published()
        if assessment.proctored:
            raise assessment_is_proctored()
        await require_self_paced_registration(tx, assessment_id, person_id)
        others = await attempts.lock_attempts_at_assessment(tx, person_id, assessment_id)
        if any(each.state in SUBMITTED_STATES for each in others):
            raise attempt_already_taken()
        attempt = Attempt.self_paced(
            new_id(), assessment_id=assessment_id, person_id=person_id, now=tx.now
        )
        attempt = attempt.with_time((await list_ledgers(tx, [attempt]))[attempt.attempt_id])
        if await attempts.insert_attempt(tx, attempt):
            tx.record(events.attempt_created(attempt, assessment.item_count))
        else:
            attempt = await _get_open_attempt(tx, person_id, assessment_id)
        annotate_attempt(attempt)
        return (await load_overviews(tx, [attempt]))[0]

    return await database.respond(responder, run)


async def _get_open_attempt(tx: Transaction, person_id: UUID, assessment_id: UUID) -> Attempt:
    attempt = await attempts.get_self_paced_attempt(tx, person_id, assessment_id)
    if attempt is None or attempt.state in SUBMITTED_STATES:
        raise attempt_already_taken()
    return attempt


async def open_attempt(
    database: Database, published: PublishedAssessments, person_id: UUID, attempt_id: UUID
) -> OpenAttempt:
    """Return the learner's own attempt with its answers. Raises NOT_YOUR_ATTEMPT.

    One statement reads the attempt and the answers.
    """
    stored = await attempts.get_attempt_with_answers(database, attempt_id)
    if stored is None or stored.attempt.person_id != person_id:
        raise not_your_attempt()
    attempt = stored.attempt
    annotate_attempt(attempt)
    assessment = await published.get(database, attempt.assessment_id)
    if attempt.state not in STARTED_STATES:
        return OpenAttempt(_overview(attempt, assessment, 0, 0), None, (), ())
    late = stored.late_item_ids
    overview = _overview(attempt, assessment, len(stored.answers), len(late))
    items = assessment.items if late and assessment is not None else ()
    # Return the numbers, not the ids, of the items with late answers, because the items may be withheld from the
    # learner.
    numbers = [number for number, item in enumerate(items, 1) if item.item_id in late]
    if _are_items_withheld(attempt, is_session_over=stored.is_session_over):
        assessment = None
    return OpenAttempt(overview, assessment, stored.answers, numbers)


def _are_items_withheld(attempt: Attempt, *, is_session_over: bool) -> bool:
    """Return whether the items of the attempt are withheld from the learner.

    The items are withheld while the questions are hidden, so that a learner cannot work on them during this time. The
    items of a submitted attempt are withheld until the session is over, because other learners of the session may
    still start the same assessment.
    """
    if attempt.state is AttemptState.IN_PROGRESS:
        return attempt.are_questions_hidden
    return attempt.session_id is not None and not is_session_over


async def start(
    database: Database,
    published: PublishedAssessments,
    person_id: UUID,
    attempt_id: UUID,
    responder: Responder[None, M],
) -> M:
    """Start the attempt and its clock. If the attempt is already in progress, nothing changes.

    Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_AUTHORIZED, ASSESSMENT_NOT_PUBLISHED, ATTEMPT_SUBMITTED, ATTEMPT_ALREADY_TAKEN,
    ATTEMPT_PAUSED, ATTEMPT_ON_BREAK, PARTICIPANT_REMOVED, SESSION_CLOSING.
    """

    async def run(tx: Transaction) -> None:
        # All attempts of the person at the assessment are locked, in the order of their ids. If two of these attempts
        # are started concurrently, the second start waits for the first start and is then refused.
        locked = {
            each.attempt_id: each
            for each in await attempts.lock_attempt_with_others(tx, person_id, attempt_id)
        }
        attempt = locked.pop(attempt_id, None)
        if attempt is None:
            raise not_your_attempt()
        annotate_attempt(attempt)
        if attempt.state is not AttemptState.IN_PROGRESS:
            await _start(tx, published, attempt, others=locked.values())

    return await database.respond(responder, run)


async def _start(
    tx: Transaction, published: PublishedAssessments, attempt: Attempt, others: Iterable[Attempt]
) -> None:
    if (
        attempt.state is AttemptState.AWAITING_AUTHORIZATION
        and attempt.participant_id is not None
        and not await sessions.is_participant_ready(tx, attempt.participant_id)
    ):
        raise identity_not_verified()
    ATTEMPT_STATES.target(attempt.state, AttemptAction.START)
    if any(other.state in STARTED_STATES for other in others):
        raise attempt_already_taken()
    if attempt.session_id is not None and await sessions.is_closing(tx, attempt.session_id):
        raise session_closing(attempt.state)
    assessment = await published.get(tx, attempt.assessment_id)
    if assessment is None or assessment.published_at is None:
        raise assessment_not_published()
    ledgers = await list_ledgers(tx, [attempt])
    started = attempt.start(assessment.time_limit, tx.now, ledgers[attempt.attempt_id])
    if started.is_paused:
        if await is_removed(tx, attempt):
            raise participant_removed(attempt.state, AttemptAction.START)
        raise attempt_paused(attempt.state)
    if started.is_on_break:
        raise attempt_on_break(attempt.state)
    await attempts.update_attempts(tx, [started])
    tx.record(events.attempt_started(started))


async def list_attempts(
    database: Database,
    caller: Caller,
    session_id: UUID | None,
    *,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[AttemptOverview], str]:
    """Return a page of attempts and the token of the next page.

    If `session_id` is None, the attempts are the caller's own. Otherwise, proctors of the session and administrators
    get all attempts of the session, and a learner gets the learner's own attempts of the session. Raises NOT_ALLOWED,
    CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    size = pages.effective_size(page_size)
    name = f"attempts/{session_id}"
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, UUID)
        rows = await attempts.list_attempts(
            tx,
            person_id=await listable_person(tx, caller, session_id),
            session_id=session_id,
            before=after[0] if after else None,
            limit=size + 1,
        )
        shown, next_page_token = tokens.cut(name, rows, size, lambda row: (row.attempt_id,))
        return await load_overviews(tx, shown), next_page_token


async def load_overviews(tx: Transaction, of: Sequence[Attempt]) -> list[AttemptOverview]:
    """Return the overviews of the attempts, in the order of the attempts."""
    if not of:
        return []
    described = await assessments.get_descriptions(tx, [attempt.assessment_id for attempt in of])
    ids = [attempt.attempt_id for attempt in of]
    answered, late = await answers.count_answered(tx, ids), await answers.count_late(tx, ids)
    return [
        _overview(
            attempt,
            described.get(attempt.assessment_id),
            answered.get(attempt.attempt_id, 0),
            late.get(attempt.attempt_id, 0),
        )
        for attempt in of
    ]


def _overview(
    attempt: Attempt, assessment: Assessment | None, answered_count: int, late_count: int
) -> AttemptOverview:
    if assessment is None:  # A session may contain the id of an assessment that does not exist.
        return AttemptOverview(attempt, "", None, 0, answered_count, late_count)
    limit = attempt.time_limit if attempt.state in STARTED_STATES else assessment.time_limit
    if limit is not None:
        limit = extended(limit, attempt.extra_time_percent)
    title, item_count = assessment.title, assessment.item_count
    return AttemptOverview(attempt, title, limit, item_count, answered_count, late_count)
