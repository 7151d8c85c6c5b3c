"""Reading results with their feedback, and reading late answers (`A10`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import Revision
from proctorium_assessment.domain.answers import Answer
from proctorium_assessment.domain.items import Item
from proctorium_assessment.domain.results import Result, result_not_found, result_not_released
from proctorium_assessment.operations.access import (
    annotate_attempt,
    is_session_proctor,
    listable_person,
)
from proctorium_assessment.operations.assessments import load_assessment
from proctorium_assessment.serialization import answer_from_bytes
from proctorium_assessment.storage import answers, attempts, results
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item, the learner's answer and the points. `answer` is None if the learner did not answer the item."""

    item: Item
    answer: Answer
    points: float


async def get(
    database: Database, caller: Caller, attempt_id: UUID
) -> tuple[Result, Sequence[ItemResult]]:
    """Return the newest version of an attempt's result, and the item results of this version.

    A result is released after the end of the session, so that no learner of the session can still start the same
    assessment. Raises NOT_FOUND, RESULT_NOT_RELEASED.
    """
    async with database.transaction() as tx:
        attempt = await attempts.get_attempt(tx, attempt_id)
        if attempt is None or not (
            caller.person_id == attempt.person_id or caller.is_administrator
        ):
            raise result_not_found()
        annotate_attempt(attempt)
        result = await results.get_newest_result(tx, attempt_id)
        if result is None or (result.released_at is None and not caller.is_administrator):
            raise result_not_released(attempt.state)
        return result, await _list_item_results(tx, result)


async def list_results(
    database: Database,
    caller: Caller,
    session_id: UUID | None,
    *,
    page_size: int,
    page_token: str,
) -> tuple[Sequence[Result], str]:
    """Return a page of released results and the token of the next page.

    If `session_id` is None, the results are the caller's own. Otherwise, proctors of the session, administrators and
    services get all results of the session, and a learner gets the learner's own results of the session. Raises
    NOT_ALLOWED, CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    size = pages.effective_size(page_size)
    name = f"results/{session_id}"
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, UUID)
        rows = await results.list_released_results(
            tx,
            person_id=await listable_person(tx, caller, session_id),
            session_id=session_id,
            before=after[0] if after else None,
            limit=size + 1,
        )
    return tokens.cut(name, rows, size, lambda row: (row.result_id,))


async def list_late_answers(
    database: Database, caller: Caller, attempt_id: UUID, *, page_size: int, page_token: str
) -> tuple[Sequence[Revision], str]:
    """Return a page of an attempt's late answers, and the token of the next page.

    Only proctors of the attempt's session and administrators may list late answers. Raises NOT_FOUND,
    CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
    """
    size = pages.effective_size(page_size)
    name = f"late answers of {attempt_id}"
    async with database.transaction() as tx:
        attempt = await attempts.get_attempt(tx, attempt_id)
        if attempt is None or not await _supervises(tx, caller, attempt.session_id):
            raise result_not_found()
        annotate_attempt(attempt)
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, int)
        rows = await answers.list_late_revisions(
            tx, attempt_id, after=after[0] if after else 0, limit=size + 1
        )
    return tokens.cut(name, rows, size, lambda revision: (revision.sequence,))


async def _supervises(tx: Transaction, caller: Caller, session_id: UUID | None) -> bool:
    if caller.is_administrator:
        return True
    return session_id is not None and await is_session_proctor(tx, caller, session_id)


async def _list_item_results(tx: Transaction, result: Result) -> list[ItemResult]:
    assessment = await load_assessment(tx, result.assessment_id)
    items = {item.item_id: item for item in assessment.items} if assessment is not None else {}
    counted = [score.sequence for score in result.item_scores if score.sequence is not None]
    stored = await results.get_answers(tx, result.attempt_id, counted)
    return [
        ItemResult(
            items[score.item_id],
            None if score.sequence is None else answer_from_bytes(stored[score.sequence]),
            score.points,
        )
        for score in result.item_scores
    ]
