"""Test that an error with any content fits into the headers that proxies and clients accept."""

from __future__ import annotations

from urllib.parse import quote

import grpc
from hypothesis import given
from hypothesis import strategies as st

from proctorium.session.v1 import sessions_pb2
from proctorium_common.errors import Kind, ServiceError, Violation, invalid
from proctorium_common.rpc.status import details_of, error_in, error_of
from proctorium_common.rpc.validation import RequestRules

DETAILS_BYTES = 4096
SENTENCE_BYTES = 1800

_texts = st.one_of(
    st.text(max_size=3000),
    st.integers(0, 20_000).map(lambda length: "\N{CJK UNIFIED IDEOGRAPH-8003}" * length),
)
_violations = st.lists(st.builds(Violation, _texts, _texts, _texts), max_size=40)


def sizes(error: ServiceError) -> tuple[int, int]:
    """Return the size of an error's details and the size of its message in the response headers, in bytes."""
    return len(details_of(error)), len(quote(error.message, safe=" "))


@given(
    st.sampled_from(Kind), _texts, _texts, st.dictionaries(_texts, _texts, max_size=30), _violations
)
def test_any_error_fits_into_headers(
    kind: Kind,
    reason: str,
    message: str,
    metadata: dict[str, str],
    violations: list[Violation],
) -> None:
    error = ServiceError(kind, reason, message, metadata=metadata, violations=violations)
    details, sentence = sizes(error)
    assert details <= DETAILS_BYTES
    assert sentence <= SENTENCE_BYTES
    # Decode the error from the headers, as a service that forwards the error does, and check that its content is
    # unchanged.
    decoded = error_in(details_of(error))
    assert (decoded.message, decoded.violations) == (error.message, error.violations)
    assert decoded.metadata == error.metadata


def test_only_the_first_twenty_violations_are_listed() -> None:
    found = [Violation(f"rows[{row}].email", "string.email", "is no address") for row in range(600)]
    error = invalid("INVALID_REQUEST", "The import is not valid.", violations=found)
    assert [violation.field for violation in error.violations] == [
        f"rows[{row}].email" for row in range(20)
    ]
    assert error.message == (
        "The import is not valid. (The first 20 problems are listed, and 580 more.)"
    )


def test_refusal_of_many_violations_is_small() -> None:
    plan = sessions_pb2.SessionPlan(learner_ids=["x" * 5000] * 500)
    request = sessions_pb2.ScheduleSessionRequest(plan=plan)
    try:
        RequestRules().check(request)
    except ServiceError as refused:
        error = refused
    assert error.reason == "INVALID_REQUEST"
    details, sentence = sizes(error)
    assert details <= DETAILS_BYTES
    assert sentence <= SENTENCE_BYTES


def test_long_foreign_status_is_truncated() -> None:
    failed = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(),
        details="connection refused " * 5000,
    )
    details, sentence = sizes(error_of(failed))
    assert details <= DETAILS_BYTES
    assert sentence <= SENTENCE_BYTES


def test_small_errors_are_unchanged() -> None:
    found = [Violation("email", "string.email", "is no address")]
    error = invalid("EMAIL_TAKEN", "Ämter — Übung", violations=found, email="a@example.org")
    assert (error.message, error.violations) == ("Ämter — Übung", tuple(found))
    assert error.metadata == {"email": "a@example.org"}
