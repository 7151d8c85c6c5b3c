"""Letting learners see their results, and what follows from that: certificates, and the others told (`A9`, `A10`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from proctorium_assessment.domain.attempts import HANDED_IN, Attempt, State
from proctorium_assessment.domain.results import Result, not_scored, unknown_attempt
from proctorium_assessment.operations import facts
from proctorium_assessment.operations.courses import courses_of
from proctorium_assessment.storage import assessments, attempts, certificates, results
from proctorium_assessment.storage.certificates import PendingCertificate
from proctorium_common.errors import not_allowed
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import current_place, traceparent_of


async def release(
    tx: Transaction, caller: Caller, attempt_ids: Sequence[UUID], reason: str
) -> Sequence[Result]:
    """Releases results that were held for a person to decide; answers all of them, in this order. Raises NOT_FOUND, ILLEGAL_MOVE."""
    by = caller.person_id
    if by is None:
        raise not_allowed("NOT_ALLOWED", "A result is released by a person.")
    released = [
        attempt.released(tx.now)
        for attempt in await _held(tx, attempt_ids)
        if attempt.state is not State.RELEASED
    ]
    await attempts.update_all(tx, released)
    ids = [attempt.attempt_id for attempt in released]
    await results.add_releases(tx, ids, by=by, reason=reason)
    found = dict(await results.newest_of(tx, attempt_ids))
    found |= await _with_certificates(tx, [found[each] for each in ids])
    await follow_up(tx, [(attempt, found[attempt.attempt_id]) for attempt in released])
    return [found[each] for each in attempt_ids]


async def follow_up(tx: Transaction, released: Sequence[tuple[Attempt, Result]]) -> None:
    """What follows from each release: its certificate is to be made, and the others are told."""
    await certificates.add_pending(tx, _earned([result for _, result in released]))
    courses = await courses_of(
        tx, [(each.result_id, each.session_id, each.assessment_id) for _, each in released]
    )
    for attempt, result in released:
        tx.record(facts.released(attempt, result, courses.get(result.result_id)))


async def _held(tx: Transaction, attempt_ids: Sequence[UUID]) -> Sequence[Attempt]:
    """These attempts, held until the transaction ends, each with a result."""
    held = await attempts.hold_these(tx, attempt_ids)
    unknown = set(attempt_ids) - {attempt.attempt_id for attempt in held}
    if unknown:
        raise unknown_attempt(min(unknown))
    for attempt in held:
        if attempt.state not in HANDED_IN:
            raise not_scored(attempt.attempt_id, attempt.state.value)
    return held


async def _with_certificates(tx: Transaction, released: Sequence[Result]) -> Mapping[UUID, Result]:
    """Those that earn a certificate now that they are released, each with the number of its own, by attempt."""
    known = await assessments.describe_all(tx, {each.assessment_id for each in released})
    return {
        each.attempt_id: replace(each, certificate_id=new_id())
        for each in released
        if each.passed and known[each.assessment_id].awards_certificate
    }


def _earned(released: Sequence[Result]) -> list[PendingCertificate]:
    place = current_place()
    return [
        PendingCertificate(
            certificate_id=each.certificate_id,
            result_id=each.result_id,
            assessment_id=each.assessment_id,
            person_id=each.person_id,
            session_id=each.session_id,
            scored_at=each.scored_at,
            traceparent=None if place is None else traceparent_of(place),
            tries=0,
        )
        for each in released
        if each.certificate_id is not None
    ]
