"""Queries of participants and their progress in assessments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
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
from proctorium_session.domain.breaks import NOTHING_USED, Break, BreakState, BreakUse
from proctorium_session.domain.hands import Hand, HandKind, HandState
from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.outages import Outage, ReturnRequest
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import (
    NO_MESSAGES,
    Conversation,
    Ending,
    Participant,
    ParticipantView,
    Removal,
)
from proctorium_session.domain.progress import (
    AttemptTime,
    Progress,
    ProgressState,
    WithdrawalState,
)
from proctorium_session.storage.sessions import pause_from_row
from proctorium_session.storage.tables import (
    break_allowances,
    breaks,
    course_progress,
    participant_assessments,
    participants,
    removals,
    sessions,
)

SessionPerson = tuple[UUID, UUID]
"""A pair of the id of a session and the id of a person."""

_LIST_RELATIONS = """
    SELECT session_id, person_id,
        EXISTS (
            SELECT FROM session_learners AS invited
            WHERE (invited.session_id, invited.person_id) = (pair.session_id, pair.person_id)
        ) AS invited,
        EXISTS (
            SELECT FROM participants AS joined
            WHERE (joined.session_id, joined.person_id) = (pair.session_id, pair.person_id)
        ) AS joined
    FROM unnest($1::uuid[], $2::uuid[]) AS pair (session_id, person_id)
"""

_ASSESSMENT_COLUMNS = (
    participant_assessments.c.assessment_id,
    participant_assessments.c.attempt_id,
    participant_assessments.c.state.label("progress_state"),
    participant_assessments.c.answered_count,
    participant_assessments.c.item_count,
    participant_assessments.c.position,
    participant_assessments.c.authorization_revision,
    participant_assessments.c.withdrawal,
    participant_assessments.c.deadline_at,
    participant_assessments.c.stopped,
    participant_assessments.c.stopped_remaining,
    participant_assessments.c.time_position,
    participant_assessments.c.state_position,
    participant_assessments.c.returned_time,
)

BREAK_COLUMNS = {
    "latest_break_state": breaks.c.state,
    "latest_break_requested_at": breaks.c.requested_at,
    "latest_break_length": breaks.c.length,
    "latest_break_refusal_reason": breaks.c.refusal_reason,
    "latest_break_started_at": breaks.c.started_at,
    "latest_break_closed_at": breaks.c.closed_at,
    "latest_break_overrun_at": breaks.c.overrun_at,
    "extra_break_time": break_allowances.c.extra,
}
"""The columns of a participant's newest break and break allowance, by their names in the rows of views."""


async def list_relations(
    tx: Transaction, pairs: Collection[SessionPerson]
) -> tuple[set[SessionPerson], set[SessionPerson]]:
    """Return the pairs whose person is invited to the session of the pair, and the pairs whose person has joined it."""
    if not pairs:
        return set(), set()
    rows = await tx.fetch(_LIST_RELATIONS, [each[0] for each in pairs], [each[1] for each in pairs])
    invited = {(row["session_id"], row["person_id"]) for row in rows if row["invited"]}
    joined = {(row["session_id"], row["person_id"]) for row in rows if row["joined"]}
    return invited, joined


async def update_participant(tx: Transaction, participant: Participant) -> None:
    """Update the columns of a participant that can change. The caller has locked the session's row."""
    values = _columns(participant)
    for fixed in ("participant_id", "session_id", "person_id", "join_time"):
        del values[fixed]
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == participant.participant_id)
        .values(**values)
    )


async def get_view_of_person(
    tx: Transaction, session_id: UUID, person_id: UUID
) -> ParticipantView | None:
    """Return the participant of this person in the session, or None if the person has not joined."""
    return (await get_views_of_people(tx, [(session_id, person_id)])).get((session_id, person_id))


async def get_views_of_people(
    tx: Transaction, pairs: Collection[SessionPerson]
) -> dict[SessionPerson, ParticipantView]:
    """Return the participant of each pair of a session and a person, by pair.

    The result omits pairs whose person has not joined the session.
    """
    rows = await tx.execute(
        _SELECT_VIEWS_OF_PEOPLE,
        {"session_ids": [each[0] for each in pairs], "person_ids": [each[1] for each in pairs]},
    )
    return {
        (view.participant.session_id, view.participant.person_id): view
        for view in group_views(rows.mappings())
    }


async def get_view(
    tx: Transaction, session_id: UUID, participant_id: UUID
) -> ParticipantView | None:
    """Return the participant with this id in the session, or None."""
    return await _first(
        tx,
        _select_views().where(
            participants.c.session_id == session_id,
            participants.c.participant_id == participant_id,
        ),
    )


async def list_views(
    tx: Transaction, session_id: UUID, *, only: Collection[UUID] = ()
) -> list[ParticipantView]:
    """Return the participants of the session in the order in which they joined.

    If `only` is not empty, returns only the participants with these ids.
    """
    statement = _select_views().where(participants.c.session_id == session_id)
    if only:
        statement = statement.where(participants.c.participant_id.in_(only))
    rows = await tx.execute(
        statement.order_by(participants.c.join_time, participants.c.participant_id)
    )
    return group_views(rows.mappings())


async def update_revision(
    tx: Transaction, participant_ids: Collection[UUID], revision: int
) -> None:
    """Set the revision in which the participants last changed."""
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id.in_(participant_ids))
        .values(revision=revision)
    )


async def admit_waiting(tx: Transaction, session_id: UUID) -> None:
    """Change all waiting participants to In Session, in one statement.

    The revisions of the participants do not change, because each live snapshot computes the same change with
    `domain.participants.after_start`.
    """
    await tx.execute(
        update(participants)
        .where(
            participants.c.session_id == session_id,
            participants.c.state == ParticipantState.WAITING.value,
        )
        .values(state=ParticipantState.IN_SESSION.value, entered_time=tx.now)
    )


async def request_identity_check(
    tx: Transaction, participant_ids: Collection[UUID], reason: str, revision: int
) -> None:
    """Set the identity state of participants to REQUESTED, and store the reason. The caller has locked the session."""
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == func.any(participant_ids))
        .values(
            identity=IdentityState.REQUESTED.value,
            identity_check_reason=reason,
            revision=revision,
        )
    )


async def set_approval(
    tx: Transaction,
    participant_ids: Collection[UUID],
    state: ParticipantState,
    denial_reason: str,
    revision: int,
) -> None:
    """Set the state of participants who wait for approval or were denied. `state` is IN_SESSION or DENIED.

    The caller has locked the session's row.
    """
    entered_time = tx.now if state is ParticipantState.IN_SESSION else None
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id.in_(participant_ids))
        .values(
            state=state.value,
            entered_time=entered_time,
            denial_reason=denial_reason,
            revision=revision,
        )
    )


async def close_participants(
    tx: Transaction, session_id: UUID, targets: Mapping[UUID, ParticipantState], revision: int
) -> None:
    """Set the states of participants as `update_states` does, and disconnect all participants of the session."""
    await update_states(tx, targets, revision)
    await tx.execute(
        update(participants)
        .where(participants.c.session_id == session_id, participants.c.connected)
        .values(connected=False, revision=revision)
    )


async def remove(tx: Transaction, participant_ids: Collection[UUID], revision: int) -> None:
    """Change participants to the state REMOVED. The caller has inserted their removals."""
    await tx.execute(
        update(participants)
        .where(
            participants.c.participant_id.in_(participant_ids),
            removals.c.participant_id == participants.c.participant_id,
            removals.c.readmitted_at.is_(None),
        )
        .values(
            state=ParticipantState.REMOVED.value,
            removal_id=removals.c.removal_id,
            removed_at=removals.c.removed_at,
            removal_reason=removals.c.removal_reason,
            revision=revision,
        )
    )


async def readmit(
    tx: Transaction, participant_ids: Collection[UUID], target: ParticipantState, revision: int
) -> None:
    """Change removed participants to the state `target`. The caller has ended their removals."""
    enters = target is ParticipantState.IN_SESSION
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id.in_(participant_ids))
        .values(
            state=target.value,
            entered_time=func.coalesce(participants.c.entered_time, tx.now if enters else None),
            removal_id=None,
            removed_at=None,
            removal_reason="",
            revision=revision,
            **(_continuation(tx.now) if enters else {}),
        )
    )


async def continue_participants(
    tx: Transaction,
    targets: Mapping[UUID, ParticipantState],
    continued_at: datetime,
    revision: int,
) -> None:
    """Set the states of participants for whom the session continues, as `update_states` does.

    Learners who are In Session again count as connected until `operations.presence` compares them with their leases. An
    outage then starts for the learners who are away, in the same way as after any other lost connection.
    """
    await update_states(tx, targets, revision)
    present = [each for each, state in targets.items() if state is ParticipantState.IN_SESSION]
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == func.any(present))
        .values(**_continuation(continued_at), revision=revision)
    )


def _continuation(continued_at: datetime) -> dict[str, object]:
    """Return the changed columns of participants for whom the session continues.

    A learner with an open outage stays disconnected, because this outage continues.
    """
    outage = participants.c.outage_id.is_not(None) & participants.c.outage_ended_at.is_(None)
    return {"continued_at": continued_at, "connected": ~outage}


async def update_states(
    tx: Transaction, targets: Mapping[UUID, ParticipantState], revision: int
) -> None:
    """Set the states of participants. `targets` contains the new states by participant id."""
    for target in set(targets.values()):
        ids = [participant_id for participant_id, state in targets.items() if state is target]
        await tx.execute(
            update(participants)
            .where(
                participants.c.participant_id == func.any(ids),
                participants.c.state != target.value,
            )
            .values(state=target.value, revision=revision)
        )


async def upsert_progress(tx: Transaction, rows: Sequence[tuple[UUID, Progress]]) -> None:
    """Store the progress of participants. Each row is the progress of one participant in one assessment.

    The caller has locked the session's row.
    """
    if not rows:
        return
    new = upsert(participant_assessments)
    keys = ("participant_id", "assessment_id")
    columns = [
        {"participant_id": participant_id, **_progress_columns(progress)}
        for participant_id, progress in rows
    ]
    changeable = columns[0].keys() - set(keys)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=keys, set_={name: new.excluded[name] for name in changeable}
        ),
        columns,
    )


def _progress_columns(progress: Progress) -> dict[str, object]:
    return {
        "assessment_id": progress.assessment_id,
        "attempt_id": progress.attempt_id,
        "state": progress.state.value,
        "answered_count": progress.answered_count,
        "item_count": progress.item_count,
        "position": progress.position,
        "state_position": progress.state_position,
        "deadline_at": progress.time.deadline_at,
        "stopped": progress.time.is_stopped,
        "returned_time": progress.time.returned,
        "stopped_remaining": progress.time.stopped_remaining,
        "time_position": progress.time_position,
        "authorization_revision": progress.authorization_revision,
        "withdrawal": progress.withdrawal,
    }


def _select_views() -> Select[Any]:
    named = [column.label(name) for name, column in BREAK_COLUMNS.items()]
    return (
        select(participants, *_ASSESSMENT_COLUMNS, *named, course_progress.c.finished_unit_count)
        .join(sessions, sessions.c.session_id == participants.c.session_id)
        .outerjoin(
            participant_assessments,
            participant_assessments.c.participant_id == participants.c.participant_id,
        )
        .outerjoin(breaks, breaks.c.break_id == participants.c.latest_break_id)
        .outerjoin(break_allowances, break_allowances.c.person_id == participants.c.person_id)
        .outerjoin(
            course_progress,
            and_(
                course_progress.c.course_id == sessions.c.course_id,
                course_progress.c.person_id == participants.c.person_id,
            ),
        )
    )


_pairs = (
    func.unnest(
        bindparam("session_ids", type_=ARRAY(Uuid)), bindparam("person_ids", type_=ARRAY(Uuid))
    )
    .table_valued(column("session_id", Uuid), column("person_id", Uuid))
    .render_derived("pairs")
)

_SELECT_VIEWS_OF_PEOPLE = _select_views().join(
    _pairs,
    and_(
        participants.c.session_id == _pairs.c.session_id,
        participants.c.person_id == _pairs.c.person_id,
    ),
)


async def _first(tx: Transaction, statement: Select[Any]) -> ParticipantView | None:
    return next(iter(group_views((await tx.execute(statement)).mappings())), None)


def group_views(rows: Iterable[Mapping[str, Any]]) -> list[ParticipantView]:
    """Return one view for each participant in the rows, in the order in which the participants first appear."""
    by_id: dict[UUID, Participant] = {}
    assessments: dict[UUID, dict[UUID, Progress]] = {}
    for row in rows:
        if row["participant_id"] not in by_id:
            by_id[row["participant_id"]] = _participant(row)
            assessments[row["participant_id"]] = {}
        if row["assessment_id"] is not None:
            assessments[row["participant_id"]][row["assessment_id"]] = _progress(row)
    return [
        ParticipantView(participant, assessments[participant_id])
        for participant_id, participant in by_id.items()
    ]


def _participant(row: Mapping[str, Any]) -> Participant:
    return Participant(
        participant_id=row["participant_id"],
        session_id=row["session_id"],
        person_id=row["person_id"],
        state=ParticipantState(row["state"]),
        connected=row["connected"],
        identity=IdentityState(row["identity"]),
        identity_position=row["identity_position"],
        identity_check_reason=row["identity_check_reason"],
        join_time=row["join_time"],
        entered_time=row["entered_time"],
        ready_time=row["ready_time"],
        revision=row["revision"],
        conversation=_conversation(row),
        hand=_hand(row),
        pause=pause_from_row(row),
        extra_time=row["extra_time"],
        extra_time_reason=row["extra_time_reason"],
        denial_reason=row["denial_reason"],
        removal=_removal(row),
        ending=_ending(row),
        breaks=_breaks(row),
        finished_unit_count=row["finished_unit_count"] or 0,
        continued_at=row["continued_at"],
        outage=_outage(row),
        return_request=_return_request(row),
    )


def _return_request(row: Mapping[str, Any]) -> ReturnRequest | None:
    if row["return_request_id"] is None:
        return None
    return ReturnRequest(
        row["return_request_id"], row["return_requested_at"], row["return_denial_reason"]
    )


def _outage(row: Mapping[str, Any]) -> Outage | None:
    if row["outage_id"] is None:
        return None
    return Outage(row["outage_id"], row["outage_started_at"], row["outage_ended_at"])


def _removal(row: Mapping[str, Any]) -> Removal | None:
    if row["state"] != ParticipantState.REMOVED:
        return None
    # Removals by earlier versions have no id and no time. They get the id and the join time of the participant instead.
    removal_id = row["removal_id"] or row["participant_id"]
    return Removal(removal_id, row["removed_at"] or row["join_time"], row["removal_reason"])


def _ending(row: Mapping[str, Any]) -> Ending | None:
    if row["ending_id"] is None:
        return None
    return Ending(row["ending_id"], row["ended_at"], row["end_reason"])


def _breaks(row: Mapping[str, Any]) -> BreakUse:
    extra = row["extra_break_time"] or timedelta()
    if row["latest_break_id"] is None:
        return BreakUse(extra=extra) if extra else NOTHING_USED
    latest = Break(
        break_id=row["latest_break_id"],
        session_id=row["session_id"],
        participant_id=row["participant_id"],
        state=BreakState(row["latest_break_state"]),
        requested_at=row["latest_break_requested_at"],
        length=row["latest_break_length"],
        refusal_reason=row["latest_break_refusal_reason"],
        started_at=row["latest_break_started_at"],
        closed_at=row["latest_break_closed_at"],
        overrun_at=row["latest_break_overrun_at"],
    )
    return BreakUse(latest, row["used_break_count"], row["used_break_time"], extra)


def _hand(row: Mapping[str, Any]) -> Hand | None:
    if row["hand_id"] is None:
        return None
    return Hand(
        hand_id=row["hand_id"],
        session_id=row["session_id"],
        participant_id=row["participant_id"],
        kind=HandKind(row["hand_kind"]),
        state=HandState.RAISED,
        raised_at=row["hand_raised_at"],
    )


def _conversation(row: Mapping[str, Any]) -> Conversation:
    if not row["message_count"] and not row["announcements_read"]:
        return NO_MESSAGES
    return Conversation(
        message_count=row["message_count"],
        learner_read=row["learner_read"],
        proctors_read=row["proctors_read"],
        learner_unread=row["learner_unread"],
        proctors_unread=row["proctors_unread"],
        announcements_read=row["announcements_read"],
    )


def _progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        assessment_id=row["assessment_id"],
        attempt_id=row["attempt_id"],
        state=ProgressState(row["progress_state"]),
        answered_count=row["answered_count"],
        item_count=row["item_count"],
        position=row["position"],
        authorization_revision=row["authorization_revision"],
        withdrawal=None if row["withdrawal"] is None else WithdrawalState(row["withdrawal"]),
        time=AttemptTime(
            row["deadline_at"], row["stopped"], row["stopped_remaining"], row["returned_time"]
        ),
        time_position=row["time_position"],
        state_position=row["state_position"],
    )


def _columns(participant: Participant) -> dict[str, object]:
    # The columns of the conversation, the raised hand, the breaks, the outages and the end are missing here, because
    # the statements in `conversations.py`, `hands.py`, `breaks.py`, `outages.py` and `removals.py` update these
    # columns. `continued_at` is missing too: `continue_participants` and `readmit` update it.
    return {
        "participant_id": participant.participant_id,
        "session_id": participant.session_id,
        "person_id": participant.person_id,
        "state": participant.state.value,
        "connected": participant.connected,
        "identity": participant.identity.value,
        "identity_position": participant.identity_position,
        "identity_check_reason": participant.identity_check_reason,
        "join_time": participant.join_time,
        "entered_time": participant.entered_time,
        "ready_time": participant.ready_time,
        "removal_id": None if participant.removal is None else participant.removal.removal_id,
        "removed_at": None if participant.removal is None else participant.removal.removed_at,
        "removal_reason": participant.removal_reason,
        "denial_reason": participant.denial_reason,
        "revision": participant.revision,
    }
