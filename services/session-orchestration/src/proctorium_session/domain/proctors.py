"""The rules for changing the lead proctor of a session (`S6`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from proctorium_common.errors import ServiceError, conflict, exhausted, not_allowed
from proctorium_session.domain.errors import failed_precondition
from proctorium_session.domain.schedule import Engagement, overlaps
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import Session

MAX_PROCTORS = 50
"""The maximum number of proctors of a session, which take-overs and hand-overs can reach."""


def with_lead(session: Session, person_id: UUID) -> Session:
    """Return the session with this person as the lead proctor. The former lead proctor stays a co-proctor.

    Raises PROCTOR_LIMIT_REACHED.
    """
    others = tuple(each for each in session.plan.proctor_ids if each != person_id)
    if len(others) >= MAX_PROCTORS:
        raise exhausted(
            "PROCTOR_LIMIT_REACHED",
            f"The session already has {MAX_PROCTORS} proctors. One of them can take it, "
            "and administrators can supervise it without taking it.",
            limit=str(MAX_PROCTORS),
        )
    return replace(
        session,
        plan=replace(session.plan, proctor_ids=(person_id, *others)),
        session_revision=session.next_revision,
    )


def require_not_over(session: Session) -> None:
    """Raise SESSION_ENDED or SESSION_CANCELLED if the session is over."""
    if session.state is SessionState.ENDED:
        raise failed_precondition("SESSION_ENDED", "The session has ended, so nobody leads it.")
    if session.state is SessionState.CANCELLED:
        raise failed_precondition(
            "SESSION_CANCELLED", "The session was cancelled, so nobody leads it."
        )


def require_expected_lead(session: Session, expected_id: UUID | None) -> None:
    """Raise LEAD_PROCTOR_CHANGED if `expected_id` is not None and another person is the lead proctor."""
    lead_id = session.plan.proctor_ids[0]
    if expected_id is not None and expected_id != lead_id:
        raise conflict(
            "LEAD_PROCTOR_CHANGED",
            "Another person has become the lead proctor in the meantime. Check who leads the session now.",
            lead_proctor_id=str(lead_id),
        )


def require_free(session: Session, person_id: UUID, engagements: Sequence[Engagement]) -> None:
    """Raise PROCTOR_OVERLAP if the person is a proctor of another session at the time of this session."""
    for engagement in engagements:
        if engagement.session_id != session.session_id and overlaps(session.plan, engagement):
            raise failed_precondition(
                "PROCTOR_OVERLAP",
                "A proctor can have only one session at a time, and this proctor has another one at the time of this "
                "session. End or hand over the other session first, or let another proctor take this one.",
                person_id=str(person_id),
                session_id=str(engagement.session_id),
            )


def session_covered() -> ServiceError:
    """Return the error for a person who may take the session only while it is uncovered.

    If the session does not exist, the error is the same, so that it does not reveal whether a session exists.
    """
    return failed_precondition(
        "SESSION_COVERED",
        "A proctor is present in this session, or there is no such session. "
        "Now only its own proctors and administrators can take it.",
    )


def not_lead_proctor() -> ServiceError:
    """Return the error for a co-proctor who hands over the session."""
    return not_allowed(
        "NOT_LEAD_PROCTOR",
        "Only the lead proctor or an administrator can hand this session over. "
        "Take the session first, or ask the lead proctor.",
    )
