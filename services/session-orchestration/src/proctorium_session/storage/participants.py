"""Participants and how far they are, as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Select,
    Uuid,
    and_,
    bindparam,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, Standing
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.storage.tables import participant_assessments, participants

Place = tuple[UUID, UUID]
"""A session and a person."""

_FIND_RELATIONS = """
    SELECT session_id, person_id,
        EXISTS (
            SELECT FROM session_learners AS invited
            WHERE (invited.session_id, invited.person_id) = (place.session_id, place.person_id)
        ) AS invited,
        EXISTS (
            SELECT FROM participants AS joined
            WHERE (joined.session_id, joined.person_id) = (place.session_id, place.person_id)
        ) AS joined
    FROM unnest($1::uuid[], $2::uuid[]) AS place (session_id, person_id)
"""

_ASSESSMENT_COLUMNS = (
    participant_assessments.c.assessment_id,
    participant_assessments.c.attempt_id,
    participant_assessments.c.state.label("progress_state"),
    participant_assessments.c.answered_count,
    participant_assessments.c.item_count,
    participant_assessments.c.position,
)


async def find_relations(
    tx: Transaction, places: Collection[Place]
) -> tuple[set[Place], set[Place]]:
    """Return the places of people who are invited, and those of people who have joined."""
    if not places:
        return set(), set()
    rows = await tx.fetch(
        _FIND_RELATIONS, [each[0] for each in places], [each[1] for each in places]
    )
    found = [(row, (row["session_id"], row["person_id"])) for row in rows]
    return (
        {place for row, place in found if row["invited"]},
        {place for row, place in found if row["joined"]},
    )


async def save(tx: Transaction, participant: Participant) -> None:
    """Writes what can change of a participant; the session is locked."""
    values = _columns(participant)
    for fixed in ("participant_id", "session_id", "person_id", "join_time"):
        del values[fixed]
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == participant.participant_id)
        .values(**values)
    )


async def of_person(tx: Transaction, session_id: UUID, person_id: UUID) -> Standing | None:
    """The person in the session."""
    return (await of_people(tx, [(session_id, person_id)])).get((session_id, person_id))


async def of_people(
    tx: Transaction, places: Collection[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], Standing]:
    """Those of the places (session and person) where the person is in the session."""
    rows = await tx.execute(
        _OF_PEOPLE,
        {"session_ids": [each[0] for each in places], "person_ids": [each[1] for each in places]},
    )
    return {
        (each.participant.session_id, each.participant.person_id): each
        for each in grouped(rows.mappings())
    }


async def one(tx: Transaction, session_id: UUID, participant_id: UUID) -> Standing | None:
    """One participant of the session."""
    return await _first(
        tx,
        _standings().where(
            participants.c.session_id == session_id,
            participants.c.participant_id == participant_id,
        ),
    )


async def of_session(
    tx: Transaction, session_id: UUID, *, only: Collection[UUID] = ()
) -> list[Standing]:
    """Return the participants of the session in the order they joined: all, or `only` some."""
    statement = _standings().where(participants.c.session_id == session_id)
    if only:
        statement = statement.where(participants.c.participant_id.in_(only))
    rows = await tx.execute(
        statement.order_by(participants.c.join_time, participants.c.participant_id)
    )
    return grouped(rows.mappings())


async def touch(tx: Transaction, participant_ids: Collection[UUID], revision: int) -> None:
    """Marks participants as changed in `revision`."""
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id.in_(participant_ids))
        .values(revision=revision)
    )


async def admit_waiting(tx: Transaction, session_id: UUID) -> None:
    """Turns everybody who waits In Session, in one statement.

    Their revisions stay: whoever has a picture of them knows it from the session's start (`domain.participants.admitted`).
    """
    await tx.execute(
        update(participants)
        .where(
            participants.c.session_id == session_id,
            participants.c.state == ParticipantState.WAITING.value,
        )
        .values(state=ParticipantState.IN_SESSION.value, entered_time=tx.now)
    )


async def close(
    tx: Transaction, session_id: UUID, targets: Mapping[UUID, ParticipantState], revision: int
) -> None:
    """Set the states of the session's participants to `targets`, by their ids, and end all connections."""
    for target in set(targets.values()):
        ids = [each for each, wanted in targets.items() if wanted is target]
        await tx.execute(
            update(participants)
            .where(
                participants.c.participant_id == func.any(ids),
                participants.c.state != target.value,
            )
            .values(state=target.value, revision=revision)
        )
    await tx.execute(
        update(participants)
        .where(participants.c.session_id == session_id, participants.c.connected)
        .values(connected=False, revision=revision)
    )


async def save_progress(tx: Transaction, rows: Sequence[tuple[UUID, Progress]]) -> None:
    """Writes how far participants are, each with one assessment; the session is locked."""
    if not rows:
        return
    new = upsert(participant_assessments)
    changing = ("attempt_id", "state", "answered_count", "item_count", "position")
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=["participant_id", "assessment_id"],
            set_={name: new.excluded[name] for name in changing},
        ),
        [
            {
                "participant_id": participant_id,
                "assessment_id": progress.assessment_id,
                "attempt_id": progress.attempt_id,
                "state": progress.state.value,
                "answered_count": progress.answered_count,
                "item_count": progress.item_count,
                "position": progress.position,
            }
            for participant_id, progress in rows
        ],
    )


def _standings() -> Select[Any]:
    return select(participants, *_ASSESSMENT_COLUMNS).outerjoin(
        participant_assessments,
        participant_assessments.c.participant_id == participants.c.participant_id,
    )


_asked = (
    func.unnest(
        bindparam("session_ids", type_=ARRAY(Uuid)), bindparam("person_ids", type_=ARRAY(Uuid))
    )
    .table_valued(column("session_id", Uuid), column("person_id", Uuid))
    .render_derived("asked")
)

_OF_PEOPLE = _standings().join(
    _asked,
    and_(
        participants.c.session_id == _asked.c.session_id,
        participants.c.person_id == _asked.c.person_id,
    ),
)


async def _first(tx: Transaction, statement: Select[Any]) -> Standing | None:
    return next(iter(grouped((await tx.execute(statement)).mappings())), None)


def grouped(rows: Iterable[Mapping[str, Any]]) -> list[Standing]:
    """Return one standing from the rows of each participant, in the order in which they come first."""
    found: dict[UUID, Participant] = {}
    assessments: dict[UUID, dict[UUID, Progress]] = {}
    for row in rows:
        if row["participant_id"] not in found:
            found[row["participant_id"]] = _participant(row)
            assessments[row["participant_id"]] = {}
        if row["assessment_id"] is not None:
            assessments[row["participant_id"]][row["assessment_id"]] = _progress(row)
    return [Standing(each, assessments[each.participant_id]) for each in found.values()]


def _participant(row: Mapping[str, Any]) -> Participant:
    return Participant(
        participant_id=row["participant_id"],
        session_id=row["session_id"],
        person_id=row["person_id"],
        state=ParticipantState(row["state"]),
        connected=row["connected"],
        identity=IdentityState(row["identity"]),
        identity_position=row["identity_position"],
        join_time=row["join_time"],
        entered_time=row["entered_time"],
        ready_time=row["ready_time"],
        removal_reason=row["removal_reason"],
        revision=row["revision"],
    )


def _progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        assessment_id=row["assessment_id"],
        attempt_id=row["attempt_id"],
        state=ProgressState(row["progress_state"]),
        answered_count=row["answered_count"],
        item_count=row["item_count"],
        position=row["position"],
    )


def _columns(participant: Participant) -> dict[str, object]:
    return {
        "participant_id": participant.participant_id,
        "session_id": participant.session_id,
        "person_id": participant.person_id,
        "state": participant.state.value,
        "connected": participant.connected,
        "identity": participant.identity.value,
        "identity_position": participant.identity_position,
        "join_time": participant.join_time,
        "entered_time": participant.entered_time,
        "ready_time": participant.ready_time,
        "removal_reason": participant.removal_reason,
        "revision": participant.revision,
    }
