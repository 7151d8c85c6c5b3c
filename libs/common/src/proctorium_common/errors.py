"""Errors, for machines and for people. Standard library only: `domain/` imports it.

`rpc/status.py` turns a `ServiceError` into a gRPC status and back. An error travels in the headers of a response, and
proxies and clients break the whole connection over headers that are too large. Every error is therefore cut to size
where it is made, whatever it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

VIOLATION_LIMIT = 20
"""How many violations one error lists."""

MESSAGE_BYTES = 500
"""The length of an error's sentence in UTF-8. Percent-encoded in `grpc-message` it is three times as long at most."""

_VIOLATIONS_BYTES = 2300
_METADATA_BYTES = 500
_VALUE_BYTES = 200
_DESCRIPTION_BYTES = 300
_PATH_BYTES = 200
_NAME_BYTES = 64


class Kind(Enum):
    """What sort of failure it is; decides the gRPC code and whether trying again can help."""

    INVALID = auto()
    NOT_FOUND = auto()
    ALREADY_EXISTS = auto()
    INVALID_STATE_TRANSITION = auto()
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

    `reason` is a value of a proto enum of reasons, without its prefix. `message` is a sentence for people, safe to
    show. `metadata` is for machines. `retry_after` says when trying again makes sense.

    Texts that are too long are cut, and only the first violations are kept; the message then says how many more there
    are.
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
        kept = _first_violations(violations)
        dropped = len(violations) - len(kept)
        more = (
            f" (The first {len(kept)} problems are listed, and {dropped} more.)" if dropped else ""
        )
        message = _cut(message, MESSAGE_BYTES - len(more)) + more
        reason = _cut(reason, _NAME_BYTES)
        super().__init__(f"{reason}: {message}")
        self.kind = kind
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = _cut_metadata(metadata) if metadata else {}
        self.violations = kept
        self.retry_after = retry_after


def _cut(text: str, limit: int) -> str:
    """Return `text`, or as much of its beginning as `limit` bytes of UTF-8 hold, with an ellipsis."""
    if len(text) * 4 <= limit:
        return text
    # Lone surrogates cannot be encoded; no header can carry them either.
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def _first_violations(violations: Sequence[Violation]) -> tuple[Violation, ...]:
    """Return the violations that an error has room for; the first one always."""
    fitting: list[Violation] = []
    left = _VIOLATIONS_BYTES
    for violation in violations[:VIOLATION_LIMIT]:
        cut = Violation(
            _cut(violation.field, _PATH_BYTES),
            _cut(violation.rule, _NAME_BYTES),
            _cut(violation.description, _DESCRIPTION_BYTES),
        )
        # Eight bytes are the tags and lengths around the three texts.
        left -= 8 + sum(len(text.encode()) for text in (cut.field, cut.rule, cut.description))
        if fitting and left < 0:
            break
        fitting.append(cut)
    return tuple(fitting)


def _cut_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return as many entries as an error has room for."""
    fitting: dict[str, str] = {}
    left = _METADATA_BYTES
    for name, value in metadata.items():
        name_cut, value_cut = _cut(name, _NAME_BYTES), _cut(value, _VALUE_BYTES)
        left -= 8 + len(name_cut.encode()) + len(value_cut.encode())
        if left < 0:
            break
        fitting[name_cut] = value_cut
    return fitting


def invalid(
    reason: str, message: str, /, *, violations: Sequence[Violation] = (), **metadata: str
) -> ServiceError:
    """Return the error for a request that is invalid in any state; `violations` names the fields."""
    return ServiceError(Kind.INVALID, reason, message, metadata=metadata, violations=violations)


def not_found(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for something that does not exist, or that the caller may not see."""
    return ServiceError(Kind.NOT_FOUND, reason, message, metadata=metadata)


def already_exists(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for something that exists already."""
    return ServiceError(Kind.ALREADY_EXISTS, reason, message, metadata=metadata)


def not_allowed(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for a known caller who may not do this (or it might not exist)."""
    return ServiceError(Kind.NOT_ALLOWED, reason, message, metadata=metadata)


def unauthenticated(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for a caller who is not authenticated."""
    return ServiceError(Kind.UNAUTHENTICATED, reason, message, metadata=metadata)


def conflict(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for something that changed since the caller read it: read it again, then decide again."""
    return ServiceError(Kind.CONFLICT, reason, message, metadata=metadata)


def exhausted(
    reason: str, message: str, /, *, retry_after: timedelta | None = None, **metadata: str
) -> ServiceError:
    """Return the error for a limit that is used up; `retry_after` says for how long."""
    return ServiceError(Kind.EXHAUSTED, reason, message, metadata=metadata, retry_after=retry_after)


def unavailable(
    reason: str, message: str, /, *, retry_after: timedelta | None = None, **metadata: str
) -> ServiceError:
    """Return the error for a dependency that does not respond: nothing was changed, and the caller should retry."""
    return ServiceError(
        Kind.UNAVAILABLE, reason, message, metadata=metadata, retry_after=retry_after
    )


def timed_out(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for a deadline that is exceeded."""
    return ServiceError(Kind.TIMED_OUT, reason, message, metadata=metadata)


def invalid_transition(
    message: str,
    /,
    *,
    from_state: str,
    action: str,
    possible: Iterable[str],
    reason: str = "INVALID_STATE_TRANSITION",
) -> ServiceError:
    """Return the error for an invalid transition; the metadata say which transitions are possible (`S3`)."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        reason,
        message,
        metadata={"from": from_state, "action": action, "possible": ",".join(possible)},
    )
