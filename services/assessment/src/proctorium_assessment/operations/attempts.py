"""Taking an assessment: create, list, open and start an attempt (`A4`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from proctorium_access.certifications import require_certification
from proctorium_assessment.domain import time_ledger
from proctorium_assessment.domain.answer_sheet import SavedAnswer
from proctorium_assessment.domain.assessments import (
    Assessment,
    attempt_already_taken,
    not_published,
    proctored_only,
    unknown_assessment,
)
from proctorium_assessment.domain.attempts import (
    BEGUN,
    HANDED_IN,
    Attempt,
    Move,
    State,
    after,
    not_verified_yet,
    not_yours,
)
from proctorium_assessment.operations import facts
from proctorium_assessment.operations.courses import require_self_paced
from proctorium_assessment.operations.published import PublishedAssessments
from proctorium_assessment.storage import answers, assessments, attempts, sessions
from proctorium_common.errors import not_allowed
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate

_LIST = "attempts"


@dataclass(frozen=True, slots=True)
class Overview:
    """An attempt without questions and answers."""

    attempt: Attempt
    title: str
    time_limit: timedelta | None
    item_count: int
    answered_count: int
    late_count: int


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt as its learner works on it.

    Without questions and answers before it has started, and without questions from its submission until its session is over.
    """

    overview: Overview
    questions_of: Assessment | None
    """The assessment whose questions the learner may read now."""
    answers: Sequence[SavedAnswer]
    late_question_numbers: Sequence[int]
    """The questions with a change that came too late, 1 for the first of the attempt."""


async def create_self_paced(tx: Transaction, person_id: UUID, assessment_id: UUID) -> Overview:
    """The learner's attempt at a self-paced assessment: the open one, or a new one.

    Raises NOT_FOUND, ASSESSMENT_NOT_PUBLISHED, PROCTORED, LEARNER_NOT_REGISTERED, ATTEMPT_ALREADY_TAKEN.
    """
    assessment = await assessments.find(tx, assessment_id)
    if assessment is None:
        raise unknown_assessment()
    if assessment.published_at is None:
        raise not_published()
    if assessment.proctored:
        raise proctored_only()
    await require_self_paced(tx, assessment_id, person_id)
    if any(
        each.state in HANDED_IN for each in await attempts.hold_all_at(tx, person_id, assessment_id)
    ):
        raise attempt_already_taken()
    attempt = Attempt.self_paced(
        new_id(), assessment_id=assessment_id, person_id=person_id, now=tx.now
    )
    if await attempts.add(tx, attempt):
        tx.record(facts.created(attempt, assessment.item_count))
    else:
        attempt = await _open_attempt(tx, person_id, assessment_id)
    describe(attempt)
    return (await overviews(tx, [attempt]))[0]


async def _open_attempt(tx: Transaction, person_id: UUID, assessment_id: UUID) -> Attempt:
    attempt = await attempts.find_self_paced(tx, person_id, assessment_id)
    if attempt is None or attempt.state in HANDED_IN:
        raise attempt_already_taken()
    return attempt


async def open_attempt(
    database: Database, published: PublishedAssessments, person_id: UUID, attempt_id: UUID
) -> Opened:
    """Return the learner's own attempt with everything that was saved. Raises NOT_YOUR_ATTEMPT.

    One statement reads all of it, as of one moment.
    """
    found = await attempts.find_with_answers(database, attempt_id)
    if found is None or found.attempt.person_id != person_id:
        raise not_yours()
    attempt = found.attempt
    describe(attempt)
    assessment = await published.get(database, attempt.assessment_id)
    if attempt.state not in BEGUN:
        return Opened(_overview(attempt, assessment, 0, 0), None, (), ())
    late = found.late_item_ids
    overview = _overview(attempt, assessment, len(found.answers), len(late))
    items = assessment.items if late and assessment is not None else ()
    # The numbers reveal nothing of a question to others who have not submitted yet.
    numbers = [number for number, item in enumerate(items, 1) if item.item_id in late]
    shown = None if _is_withheld(attempt, session_over=found.session_over) else assessment
    return Opened(overview, shown, found.answers, numbers)


def _is_withheld(attempt: Attempt, *, session_over: bool) -> bool:
    """Return whether a submitted attempt's questions are withheld: others still see them for the first time until the session is over."""
    return attempt.state in HANDED_IN and attempt.session_id is not None and not session_over


async def start(
    tx: Transaction, published: PublishedAssessments, person_id: UUID, attempt_id: UUID
) -> None:
    """Start the attempt's clock; a started attempt stays as it is.

    Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_AUTHORIZED, ASSESSMENT_NOT_PUBLISHED, ATTEMPT_SUBMITTED, ATTEMPT_ALREADY_TAKEN.
    """
    # All of them, and always in the same order: of two that start at once, one waits for the other and is refused.
    locked = {
        each.attempt_id: each for each in await attempts.lock_with_others(tx, person_id, attempt_id)
    }
    attempt = locked.pop(attempt_id, None)
    if attempt is None:
        raise not_yours()
    describe(attempt)
    if attempt.state is not State.IN_PROGRESS:
        await _start(tx, published, attempt, others=locked.values())


async def _start(
    tx: Transaction, published: PublishedAssessments, attempt: Attempt, others: Iterable[Attempt]
) -> None:
    if (
        attempt.state is State.AWAITING_AUTHORIZATION
        and attempt.participant_id is not None
        and not await sessions.is_ready(tx, attempt.participant_id)
    ):
        raise not_verified_yet()
    after(attempt.state, Move.BEGIN)
    if any(other.state in BEGUN for other in others):
        raise attempt_already_taken()
    assessment = await published.get(tx, attempt.assessment_id)
    if assessment is None or assessment.published_at is None:
        raise not_published()
    ledger = [time_ledger.Entry(time_ledger.Mark.STARTED, tx.now)]
    begun = attempt.begun(assessment.time_limit, ledger)
    await attempts.update_all(tx, [begun])
    await attempts.add_entries(tx, begun.attempt_id, ledger)
    tx.record(facts.began(begun))


async def page(
    tx: Transaction, caller: Caller, session_id: UUID | None, page_size: int, page_token: str
) -> tuple[Sequence[Overview], str]:
    """The caller's own attempts; those of a session for its proctors and for administrators. Raises NOT_ALLOWED, INVALID_PAGE_TOKEN."""
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    after_row = tokens.after(f"{_LIST}/{session_id}", page_token, UUID)
    rows = await attempts.page(
        tx,
        person_id=await whose(tx, caller, session_id),
        session_id=session_id,
        before=after_row[0] if after_row else None,
        size=size,
    )
    shown, token = tokens.cut(f"{_LIST}/{session_id}", rows, size, lambda row: (row.attempt_id,))
    return await overviews(tx, shown), token


async def leads(tx: Transaction, caller: Caller, session_id: UUID) -> bool:
    """Return whether the caller is a proctor of the session. Raises CERTIFICATION_ENDED for one who is not certified now."""
    if caller.person_id is None or "proctor" not in caller.roles:
        return False
    if not await sessions.leads(tx, session_id, caller.person_id):
        return False
    await require_certification(tx, caller.person_id)
    return True


async def whose(tx: Transaction, caller: Caller, session_id: UUID | None) -> UUID | None:
    """Return the learner whose attempts or results the caller may list; None means all learners of the session.

    Raises NOT_ALLOWED, CERTIFICATION_ENDED.
    """
    if session_id is not None:
        if "administrator" in caller.roles:
            return None
        if await leads(tx, caller, session_id):
            return None
    if caller.person_id is None or (session_id is not None and "learner" not in caller.roles):
        raise not_allowed(
            "NOT_ALLOWED", "You do not supervise this session, or it might not exist."
        )
    return caller.person_id


async def lock_owned(tx: Transaction, person_id: UUID, attempt_id: UUID) -> Attempt:
    """Return the learner's own attempt, locked until the transaction ends. Raises NOT_YOUR_ATTEMPT."""
    attempt = await attempts.lock(tx, attempt_id)
    if attempt is None or attempt.person_id != person_id:
        raise not_yours()
    describe(attempt)
    return attempt


def describe(attempt: Attempt) -> None:
    """Has the trace found by the ids of `attempt`."""
    annotate(attempt_id=attempt.attempt_id, person_id=attempt.person_id)
    if attempt.session_id is not None:
        annotate(session_id=attempt.session_id, participant_id=attempt.participant_id)


async def overviews(tx: Transaction, of: Sequence[Attempt]) -> list[Overview]:
    """The overviews of these attempts, in their order."""
    if not of:
        return []
    described = await assessments.describe_all(tx, [attempt.assessment_id for attempt in of])
    ids = [attempt.attempt_id for attempt in of]
    answered, late = await answers.answered_counts(tx, ids), await answers.late_counts(tx, ids)
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
) -> Overview:
    if assessment is None:  # a session named it, and nobody has made it yet
        return Overview(attempt, "", None, 0, answered_count, late_count)
    limit = attempt.time_limit if attempt.state in BEGUN else assessment.time_limit
    title, item_count = assessment.title, assessment.item_count
    return Overview(attempt, title, limit, item_count, answered_count, late_count)
