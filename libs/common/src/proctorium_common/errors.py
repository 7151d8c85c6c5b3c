"""What can go wrong, said once for machines and once for people. Standard library only: `domain/` imports it.

`rpc/status.py` turns a `ServiceError` into a gRPC status and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto


class Kind(Enum):
    """What sort of failure it is; decides the gRPC code and whether trying again can help."""

    INVALID = auto()
    NOT_FOUND = auto()
    ALREADY_EXISTS = auto()
    ILLEGAL_MOVE = auto()
    NOT_ALLOWED = auto()
    UNAUTHENTICATED = auto()
    CONFLICT = auto()
    EXHAUSTED = auto()
    UNAVAILABLE = auto()
    TIMED_OUT = auto()
    INTERNAL = auto()


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that breaks a rule: the path of the field, the id of the rule, and a sentence."""

    field: str
    rule: str
    description: str


class ServiceError(Exception):
    """A failure that a caller can act on.

    `reason` is a value of a proto enum of reasons, without its prefix. `message` is a sentence for people, safe to show.
    `metadata` is for machines. `retry_after` says when trying again makes sense.
    """

    def __init__(
        self,
        kind: Kind,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.kind = kind
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after


def invalid(
    reason: str, message: str, /, *, violations: Sequence[Violation] = (), **metadata: str
) -> ServiceError:
    """The request is wrong in itself, whatever the state of things; `violations` names the fields."""
    return ServiceError(Kind.INVALID, reason, message, metadata=metadata, violations=violations)


def not_found(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """What was asked for does not exist, or the caller may not see it."""
    return ServiceError(Kind.NOT_FOUND, reason, message, metadata=metadata)


def already_exists(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """What should be made is there already."""
    return ServiceError(Kind.ALREADY_EXISTS, reason, message, metadata=metadata)


def not_allowed(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """The caller is known and may not do this (or it might not exist)."""
    return ServiceError(Kind.NOT_ALLOWED, reason, message, metadata=metadata)


def unauthenticated(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """The caller has not proved who they are."""
    return ServiceError(Kind.UNAUTHENTICATED, reason, message, metadata=metadata)


def conflict(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Somebody else changed it meanwhile: read again, then decide again."""
    return ServiceError(Kind.CONFLICT, reason, message, metadata=metadata)


def exhausted(
    reason: str, message: str, /, *, retry_after: timedelta | None = None, **metadata: str
) -> ServiceError:
    """A limit is used up; `retry_after` says for how long."""
    return ServiceError(Kind.EXHAUSTED, reason, message, metadata=metadata, retry_after=retry_after)


def unavailable(
    reason: str, message: str, /, *, retry_after: timedelta | None = None, **metadata: str
) -> ServiceError:
    """Something that is needed does not answer now; nothing was changed and trying again is right."""
    return ServiceError(
        Kind.UNAVAILABLE, reason, message, metadata=metadata, retry_after=retry_after
    )


def timed_out(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """The time that the caller gave is over."""
    return ServiceError(Kind.TIMED_OUT, reason, message, metadata=metadata)


def illegal_move(
    message: str,
    /,
    *,
    from_state: str,
    asked: str,
    possible: Iterable[str],
    reason: str = "ILLEGAL_MOVE",
) -> ServiceError:
    """The state does not allow what was asked; the metadata say what it would allow (`S3`)."""
    return ServiceError(
        Kind.ILLEGAL_MOVE,
        reason,
        message,
        metadata={"from": from_state, "asked": asked, "possible": ",".join(possible)},
    )
