"""Results with feedback (`A10`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import Revision
from proctorium_assessment.domain.answers import Answer
from proctorium_assessment.domain.items import Item
from proctorium_assessment.domain.results import Result, not_released, unknown_result
from proctorium_assessment.operations.attempts import describe, leads, whose
from proctorium_assessment.storage import answers, assessments, attempts, results, sessions
from proctorium_assessment.storage.items import answer_from_bytes
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """How one question went; `answer` is None where none was given."""

    item: Item
    answer: Answer
    points: float


async def get(
    tx: Transaction, caller: Caller, attempt_id: UUID
) -> tuple[Result, Sequence[ItemOutcome]]:
    """The newest version of an attempt's result, and how each question went once the caller may know. Raises NOT_FOUND, RESULT_NOT_RELEASED."""
    attempt = await attempts.find(tx, attempt_id)
    if attempt is None or not _may_see(caller, attempt.person_id):
        raise unknown_result()
    describe(attempt)
    result = await results.newest(tx, attempt_id)
    if result is None or (result.released_at is None and "administrator" not in caller.roles):
        raise not_released(attempt.state.value)
    return result, await _outcomes(tx, result) if await _may_see_items(tx, caller, result) else ()


async def page(
    tx: Transaction, caller: Caller, session_id: UUID | None, page_size: int, page_token: str
) -> tuple[Sequence[Result], str]:
    """The caller's own released results; those of a session for its proctors and for administrators. Raises NOT_ALLOWED, INVALID_PAGE_TOKEN."""
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    name = f"results/{session_id}"
    after = tokens.after(name, page_token, UUID)
    rows = await results.page(
        tx,
        person_id=await whose(tx, caller, session_id),
        session_id=session_id,
        before=after[0] if after else None,
        size=size,
    )
    return tokens.cut(name, rows, size, lambda row: (row.result_id,))


async def late_answers(
    tx: Transaction, caller: Caller, attempt_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[Revision], str]:
    """Return an attempt's late answers, which do not count, and the token of the next page, for a supervisor.

    Raises NOT_FOUND, CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    attempt = await attempts.find(tx, attempt_id)
    if attempt is None or not await _supervises(tx, caller, attempt.session_id):
        raise unknown_result()
    describe(attempt)
    name = f"late answers of {attempt_id}"
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    after = tokens.after(name, page_token, int)
    found = await answers.list_late(tx, attempt_id, after[0] if after else 0, size + 1)
    return tokens.cut(name, found, size, lambda revision: (revision.sequence,))


async def _supervises(tx: Transaction, caller: Caller, session_id: UUID | None) -> bool:
    if "administrator" in caller.roles:
        return True
    return session_id is not None and await leads(tx, caller, session_id)


def _may_see(caller: Caller, person_id: UUID) -> bool:
    return caller.person_id == person_id or "administrator" in caller.roles


async def _may_see_items(tx: Transaction, caller: Caller, result: Result) -> bool:
    """Others may still sit the same questions until the session is over."""
    if result.session_id is None or "administrator" in caller.roles:
        return True
    return await sessions.is_over(tx, result.session_id)


async def _outcomes(tx: Transaction, result: Result) -> list[ItemOutcome]:
    assessment = await assessments.find(tx, result.assessment_id)
    items = {item.item_id: item for item in assessment.items} if assessment is not None else {}
    counted = [score.sequence for score in result.item_scores if score.sequence is not None]
    given = await results.counted_answers(tx, result.attempt_id, counted)
    return [
        ItemOutcome(
            items[score.item_id],
            None if score.sequence is None else answer_from_bytes(given[score.sequence]),
            score.points,
        )
        for score in result.item_scores
    ]
