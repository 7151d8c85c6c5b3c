"""Tests that the database refuses changes of permanent rows and invalid transitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.v1 import grading_pb2
from proctorium_assessment.domain.attempts import (
    ATTEMPT_STATES,
    STARTED_STATES,
    SUBMITTED_STATES,
    AttemptState,
)
from proctorium_common.ids import new_id

from ..builders import assessment_proto
from .harness import Harness
from .test_time_events import extra


async def test_published_assessment_cannot_change(harness: Harness) -> None:
    await harness.publish_assessment(assessment_proto())
    before = await harness.state()
    for statement in (
        "UPDATE assessments SET title = 'Easier'",
        "UPDATE assessments SET item_list = ''",
        "UPDATE assessments SET published_at = NULL",
        "DELETE FROM assessments",
    ):
        with pytest.raises(DBAPIError, match="RestrictViolation"):
            await harness.rows(statement)
    assert await harness.state() == before


@pytest.mark.parametrize(
    "table", ["results", "answer_revisions", "time_events", "applied_time_events", "releases"]
)
async def test_permanent_rows_cannot_be_changed_or_deleted(harness: Harness, table: str) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    await harness.handle(extra(seat, timedelta(minutes=5), datetime.now(UTC)))
    await harness.handle(seat.ended(removed=True))
    request = grading_pb2.ReleaseResultsRequest(
        attempt_ids=[seat.attempt_id], release_reason="It was a mistake."
    )
    await harness.administrator.grading.ReleaseResults(request)
    before = await harness.state()
    column = {
        "results": "points",
        "answer_revisions": "answer",
        "time_events": "at",
        "applied_time_events": "session_id",
        "releases": "release_reason",
    }[table]
    for statement in (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(DBAPIError, match=r"RestrictViolation|permission denied"):
            await harness.rows(statement)
    assert await harness.state() == before


async def test_version_of_a_result_is_unique(harness: Harness) -> None:
    seat = await harness.started()
    await harness.submit_and_end(seat)
    with pytest.raises(DBAPIError, match="UniqueViolation"):
        await harness.rows(
            "INSERT INTO results SELECT gen_random_uuid(), attempt_id, version, assessment_id, person_id,"
            " session_id, points, points_possible, passed, item_scores, scored_at FROM results"
        )


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("joined", "state = 'in_progress', started_at = now()"),  # not yet authorised
        ("started", "state = 'authorized', started_at = NULL"),
        (
            "submitted",
            "state = 'in_progress', submitted_at = NULL, submit_cause = NULL, released_at = NULL",
        ),
        ("submitted", "state = 'voided'"),
        ("started", "person_id = gen_random_uuid()"),
        ("started", "assessment_id = gen_random_uuid()"),
    ],
    ids=str,
)
async def test_attempt_cannot_change_its_learner_or_go_back(
    harness: Harness, state: str, changes: str
) -> None:
    seat = await (harness.joined() if state == "joined" else harness.started())
    if state == "submitted":
        await seat.submit()
    before = await harness.state()
    with pytest.raises(DBAPIError, match=r"RestrictViolation|CheckViolation"):
        await harness.rows(f"UPDATE attempts SET {changes}")
    assert await harness.state() == before


async def test_attempt_with_answers_cannot_be_deleted(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    with pytest.raises(DBAPIError, match="ForeignKeyViolation"):
        await harness.rows("DELETE FROM attempts")


COMBINED = {
    (AttemptState.IN_PROGRESS, AttemptState.SCORED),
    (AttemptState.IN_PROGRESS, AttemptState.RELEASED),
    (AttemptState.SUBMITTED, AttemptState.RELEASED),
}
"""The pairs of states between which scoring moves an attempt in one update, although there are states between them."""
RESTORED = {
    (AttemptState.VOIDED, AttemptState.AWAITING_AUTHORIZATION),
    (AttemptState.VOIDED, AttemptState.AUTHORIZED),
}
"""The transitions that the database allows only to attempts in a reopened session, which this test does not have."""


async def test_database_allows_exactly_the_transitions_of_the_state_machine(
    harness: Harness,
) -> None:
    allowed = set()
    for origin in AttemptState:
        for target in AttemptState:
            if origin is not target and await _allows(harness, origin, target):
                allowed.add((origin, target))
    assert allowed == (ATTEMPT_STATES.pairs | COMBINED) - RESTORED


async def _allows(harness: Harness, origin: AttemptState, target: AttemptState) -> bool:
    """Return whether the database allows an attempt to change from the state `origin` to `target`."""
    attempt_id = new_id()
    await harness.rows(
        "INSERT INTO attempts (attempt_id, assessment_id, person_id, state, created_at, version, chain_head,"
        " chain_length, last_sequence, progress_published_length, started_at, submitted_at, submit_cause, released_at)"
        " VALUES (:id, gen_random_uuid(), gen_random_uuid(), :state, now(), 1, sha256(''), 0, 0, 0,"
        f" {_columns(origin)})",
        id=attempt_id,
        state=origin,
    )
    try:
        await harness.rows(
            "UPDATE attempts SET state = :state, (started_at, submitted_at, submit_cause, released_at)"
            f" = ROW({_columns(target)}) WHERE attempt_id = :id",
            id=attempt_id,
            state=target,
        )
    except DBAPIError as refused:
        if "RestrictViolation" not in str(refused):
            raise
        return False
    finally:
        await harness.rows("DELETE FROM attempts WHERE attempt_id = :id", id=attempt_id)
    return True


def _columns(state: AttemptState) -> str:
    """Return SQL values with which the check constraints accept an attempt in the state `state`."""
    started = "timestamptz '2026-01-01'" if state in STARTED_STATES else "NULL::timestamptz"
    submitted = (
        "now(), 'session_ended'" if state in SUBMITTED_STATES else "NULL::timestamptz, NULL::text"
    )
    released = "now()" if state is AttemptState.RELEASED else "NULL::timestamptz"
    return f"{started}, {submitted}, {released}"
