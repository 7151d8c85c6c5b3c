"""Test ids, errors and callers."""

from __future__ import annotations

import time
from datetime import UTC, timedelta
from uuid import UUID, uuid4

import grpc
import pytest

from proctorium_common import errors
from proctorium_common.clock import utc_now
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id, parse_id, parse_ids
from proctorium_common.rpc.caller import (
    ANONYMOUS,
    Call,
    Caller,
    calling,
    current_call,
    optional_call,
)
from proctorium_common.rpc.status import CODES


def test_ids_are_version_7_and_increase() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {type(found) for found in ids} == {UUID}
    assert {found.version for found in ids} == {7}
    assert ids == sorted(set(ids))


def test_canonical_id_is_parsed() -> None:
    wanted = new_id()
    assert parse_id(str(wanted), "session_id") == wanted
    assert parse_id(str(wanted).upper(), "session_id") == wanted


@pytest.mark.parametrize(
    "text",
    ["", "x", str(uuid4())[:-1], uuid4().hex, f"{{{uuid4()}}}", uuid4().urn, "-" * 36, "z" * 36],
    ids=["empty", "x", "short", "plain", "braces", "urn", "dashes", "letters"],
)
def test_invalid_id_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(ServiceError) as refused:
        parse_id(text, "session_id")
    assert refused.value.reason == "INVALID_ID"
    assert [each.field for each in refused.value.violations] == ["session_id"]


def test_invalid_id_in_a_list_is_refused_with_its_index() -> None:
    with pytest.raises(ServiceError) as refused:
        parse_ids([str(new_id()), "x"], "learner_ids")
    assert refused.value.reason == "INVALID_ID"
    assert [each.field for each in refused.value.violations] == ["learner_ids[1]"]


def test_current_time_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_every_error_kind_has_a_status_code() -> None:
    assert set(CODES) == set(Kind)
    assert len(set(CODES.values())) == len(Kind)
    assert CODES[Kind.INVALID_STATE_TRANSITION] is grpc.StatusCode.FAILED_PRECONDITION
    assert CODES[Kind.CONFLICT] is grpc.StatusCode.ABORTED


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (errors.invalid, Kind.INVALID),
        (errors.not_found, Kind.NOT_FOUND),
        (errors.already_exists, Kind.ALREADY_EXISTS),
        (errors.not_allowed, Kind.NOT_ALLOWED),
        (errors.unauthenticated, Kind.UNAUTHENTICATED),
        (errors.conflict, Kind.CONFLICT),
        (errors.exhausted, Kind.EXHAUSTED),
        (errors.unavailable, Kind.UNAVAILABLE),
        (errors.timed_out, Kind.TIMED_OUT),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_error_constructors_set_kind_reason_message_and_metadata(
    make: type[ServiceError], kind: Kind
) -> None:
    error = make("REASON", "A sentence.", session_id="s-1")  # type: ignore[call-arg,arg-type]  # constructors differ
    assert (error.kind, error.reason, error.message) == (kind, "REASON", "A sentence.")
    assert error.metadata == {"session_id": "s-1"}
    assert str(error) == "REASON: A sentence."


def test_temporary_errors_have_a_retry_delay() -> None:
    later = timedelta(seconds=30)
    assert errors.exhausted("R", "s", retry_after=later).retry_after == later
    assert errors.unavailable("R", "s", retry_after=later).retry_after == later


def test_caller_names_distinguish_people_and_services() -> None:
    person = new_id()
    assert Caller(person, frozenset({"learner"}), "edge").name == f"person:{person}"
    assert Caller(service="session").name == "service:session"
    assert ANONYMOUS.name == "anonymous"


def test_current_call_exists_only_within_a_call() -> None:
    with pytest.raises(LookupError):
        current_call()
    call = Call(ANONYMOUS, "/a/B", time.monotonic() + 1)
    with calling(call):
        assert current_call() is call
        remaining = call.remaining()
        assert remaining is not None
        assert 0 < remaining <= 1
    assert optional_call() is None
    assert Call(ANONYMOUS, "/a/B").remaining() is None
    assert Call(ANONYMOUS, "/a/B", time.monotonic() - 1).remaining() == 0
