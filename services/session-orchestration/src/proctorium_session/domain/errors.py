"""The errors of session orchestration, except the errors for invalid state transitions."""

from __future__ import annotations

from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, Violation, invalid, not_allowed, not_found


def failed_precondition(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for a valid request that the current state does not allow (FAILED_PRECONDITION)."""
    return ServiceError(Kind.INVALID_STATE_TRANSITION, reason, message, metadata=metadata)


def invalid_at(field: str, reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for a field whose value is invalid in every state (INVALID_ARGUMENT)."""
    return invalid(
        reason, message, violations=[Violation(field, reason.lower(), message)], **metadata
    )


def failed_precondition_at(
    field: str, reason: str, message: str, /, **metadata: str
) -> ServiceError:
    """Return the error for a field whose value is not allowed in the current state (FAILED_PRECONDITION)."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        reason,
        message,
        metadata=metadata,
        violations=[Violation(field, reason.lower(), message)],
    )


def not_your_session() -> ServiceError:
    """Return the error for a caller who does not supervise the session.

    If the session does not exist, the error is the same, so that it does not reveal whether a session exists.
    """
    return not_allowed(
        "NOT_YOUR_SESSION",
        "Only a proctor of this session or an administrator may do this, or there is no such session. "
        "Ask an administrator to assign you.",
    )


def own_session() -> ServiceError:
    """Return the error for an administrator who takes part in the session as a learner."""
    return not_allowed(
        "NOT_YOUR_SESSION",
        "You take part in this session as a learner, so you cannot supervise it. "
        "Ask a proctor of the session or another administrator.",
    )


def record_closed() -> ServiceError:
    """Return the error for a proctor who reads the session record after the access period."""
    return not_allowed(
        "RECORD_CLOSED",
        "The session ended too long ago for its proctors to read its record. "
        "If it is still needed, ask an administrator.",
    )


def no_session() -> ServiceError:
    """Return the error for a session that does not exist or that the caller must not see."""
    return not_found(
        "NOT_FOUND",
        "There is no such session among yours. Check the link, or join with your enrollment code.",
    )


def no_participant(participant_id: UUID) -> ServiceError:
    """Return the error for an unknown participant."""
    return not_found(
        "NOT_FOUND",
        "There is no such participant in this session. Reload the roster.",
        participant_id=str(participant_id),
    )
