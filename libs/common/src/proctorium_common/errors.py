"""`ServiceError`, the error that callers receive, and one function for each kind of error except INTERNAL.

Each function creates a `ServiceError` of its kind. This module uses only the standard library, because the code in
`domain/` imports this module. `rpc/status.py` converts a `ServiceError` to a gRPC status and back. The status is sent
in response headers, and proxies and clients close the connection if the headers are too large. The texts of an error
are therefore truncated when the error is created.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

VIOLATION_LIMIT = 20
"""The maximum number of violations in an error."""

MESSAGE_BYTES = 500
"""The maximum length of a message, in bytes of UTF-8.

The header `grpc-message` contains the message in percent-encoding, which makes the message up to three times as long.
"""

_VIOLATIONS_BYTES = 2300
_METADATA_BYTES = 500
_VALUE_BYTES = 200
_DESCRIPTION_BYTES = 300
_PATH_BYTES = 200
_NAME_BYTES = 64


class Kind(Enum):
    """The kind of an error, which determines its gRPC status code."""

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
    """The violation of a rule: the path of the field, the id of the rule, and a description for people."""

    field: str
    rule: str
    description: str


class ServiceError(Exception):
    """An error to which a caller can react.

    `reason` is the name of a value in a proto enum of reasons, without the enum's prefix. `message` is shown to people.
    `metadata` is for programs. `retry_after` is the time after which the caller may retry.

    Long texts are truncated. If there are too many violations, the error contains only the first violations, and the
    message contains the number of omitted violations.
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
    """Return `text`, truncated to at most `limit` bytes of UTF-8. A truncated text ends with an ellipsis."""
    if len(text) * 4 <= limit:
        return text
    # Replace lone surrogates, which cannot be encoded.
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def _first_violations(violations: Sequence[Violation]) -> tuple[Violation, ...]:
    """Return the first violations that fit into an error, with truncated texts. The first violation always fits."""
    fitting: list[Violation] = []
    left = _VIOLATIONS_BYTES
    for violation in violations[:VIOLATION_LIMIT]:
        cut = Violation(
            _cut(violation.field, _PATH_BYTES),
            _cut(violation.rule, _NAME_BYTES),
            _cut(violation.description, _DESCRIPTION_BYTES),
        )
        # In the protobuf encoding of a violation, the tags and lengths of the texts take up to eight bytes.
        left -= 8 + sum(len(text.encode()) for text in (cut.field, cut.rule, cut.description))
        if fitting and left < 0:
            break
        fitting.append(cut)
    return tuple(fitting)


def _cut_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the first entries of `metadata` that fit into an error, with truncated names and values."""
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
    """Return the error for a request that is invalid regardless of the state of the system.

    `violations` contains the invalid fields.
    """
    return ServiceError(Kind.INVALID, reason, message, metadata=metadata, violations=violations)


def not_found(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for an object that does not exist, or that the caller may not see."""
    return ServiceError(Kind.NOT_FOUND, reason, message, metadata=metadata)


def already_exists(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for an object that already exists."""
    return ServiceError(Kind.ALREADY_EXISTS, reason, message, metadata=metadata)


def not_allowed(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for an authenticated caller without permission.

    The message must not reveal whether the object exists.
    """
    return ServiceError(Kind.NOT_ALLOWED, reason, message, metadata=metadata)


def unauthenticated(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for a caller who is not authenticated."""
    return ServiceError(Kind.UNAUTHENTICATED, reason, message, metadata=metadata)


def conflict(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for an object that has changed since the caller read it."""
    return ServiceError(Kind.CONFLICT, reason, message, metadata=metadata)


def exhausted(
    reason: str, message: str, /, *, retry_after: timedelta | None = None, **metadata: str
) -> ServiceError:
    """Return the error for an exhausted limit; `retry_after` is the time after which the caller may retry."""
    return ServiceError(Kind.EXHAUSTED, reason, message, metadata=metadata, retry_after=retry_after)


def unavailable(
    reason: str, message: str, /, *, retry_after: timedelta | None = None, **metadata: str
) -> ServiceError:
    """Return the error for a dependency that does not respond.

    The error means that nothing was changed, and that the caller should retry.
    """
    return ServiceError(
        Kind.UNAVAILABLE, reason, message, metadata=metadata, retry_after=retry_after
    )


def timed_out(reason: str, message: str, /, **metadata: str) -> ServiceError:
    """Return the error for an exceeded deadline."""
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
    """Return the error for an invalid transition; its metadata contains the possible actions (`S3`)."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        reason,
        message,
        metadata={"from": from_state, "action": action, "possible": ",".join(possible)},
    )
