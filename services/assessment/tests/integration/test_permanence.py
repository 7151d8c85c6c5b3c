"""What must never happen is refused by the database itself, whoever asks."""

from __future__ import annotations

import asyncpg
import pytest

from proctorium.assessment.v1 import grading_pb2

from ..builders import assessment_proto
from .world import World


async def test_a_published_assessment_never_changes(world: World) -> None:
    await world.publish(assessment_proto())
    before = await world.state()
    for statement in (
        "UPDATE assessments SET title = 'Easier'",
        "UPDATE assessments SET item_list = ''",
        "UPDATE assessments SET published_at = NULL",
        "DELETE FROM assessments",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await world.sql(statement)
    assert await world.state() == before


@pytest.mark.parametrize("table", ["results", "answer_revisions", "time_ledger", "releases"])
async def test_what_is_permanent_is_neither_changed_nor_removed(world: World, table: str) -> None:
    seat = await world.begun()
    await seat.save(seat.change(1, 0))
    await world.handle(seat.removed())
    request = grading_pb2.ReleaseResultsRequest(
        attempt_ids=[seat.attempt_id], release_reason="It was a mistake."
    )
    await world.administrator.grading.ReleaseResults(request)
    before = await world.state()
    column = {
        "results": "points",
        "answer_revisions": "answer",
        "time_ledger": "at",
        "releases": "release_reason",
    }[table]
    for statement in (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        f"SET session_replication_role = replica; DELETE FROM {table}",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await world.execute(statement)
    assert await world.state() == before


async def test_a_second_first_version_of_a_result_is_impossible(world: World) -> None:
    seat = await world.begun()
    await seat.submit()
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.sql(
            "INSERT INTO results SELECT gen_random_uuid(), attempt_id, version, assessment_id, person_id,"
            " session_id, points, points_possible, passed, item_scores, scored_at FROM results"
        )


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("joined", "state = 'in-progress', started_at = now()"),  # without authorisation
        ("begun", "state = 'authorized', started_at = NULL"),
        (
            "submitted",
            "state = 'in-progress', submitted_at = NULL, submit_cause = NULL, released_at = NULL",
        ),
        ("submitted", "state = 'voided'"),
        ("begun", "person_id = gen_random_uuid()"),
        ("begun", "assessment_id = gen_random_uuid()"),
    ],
    ids=str,
)
async def test_an_attempt_only_moves_forward_and_stays_its_learners(
    world: World, state: str, changes: str
) -> None:
    seat = await (world.joined() if state == "joined" else world.begun())
    if state == "submitted":
        await seat.submit()
    before = await world.state()
    with pytest.raises(asyncpg.PostgresError):
        await world.sql(f"UPDATE attempts SET {changes}")
    assert await world.state() == before


async def test_an_attempt_with_answers_is_not_removed(world: World) -> None:
    seat = await world.begun()
    await seat.save(seat.change(1, 0))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await world.sql("DELETE FROM attempts")
