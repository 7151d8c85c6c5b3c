"""Test the validation that is not expressed by rules in the protos, and the sentences of refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import attempts_pb2
from proctorium.enrollment.v1 import courses_pb2, people_pb2
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.validation import RequestRules, check_texts, time_of


def test_zero_character_is_found_in_nested_fields() -> None:
    units = [courses_pb2.UnitContent(title="Safety"), courses_pb2.UnitContent(title="a\0b")]
    with pytest.raises(ServiceError) as refused:
        check_texts(courses_pb2.CreateCourseRequest(title="Safety", units=units))
    assert [found.field for found in refused.value.violations] == ["units[1].title"]
    with pytest.raises(ServiceError) as refused:
        check_texts(people_pb2.BatchGetNamesRequest(person_ids=["a", "\0"]))
    assert [found.field for found in refused.value.violations] == ["person_ids[1]"]


def test_zero_bytes_outside_texts_are_accepted() -> None:
    check_texts(courses_pb2.CreateCourseRequest(title="Safety", hours=2.0))


@pytest.mark.parametrize("seconds", [10**15, -(10**15), 253_402_300_800])
def test_time_out_of_range_is_refused(seconds: int) -> None:
    with pytest.raises(ServiceError) as refused:
        time_of(Timestamp(seconds=seconds), "start_time")
    assert refused.value.reason == "INVALID_REQUEST"
    assert [found.field for found in refused.value.violations] == ["start_time"]


@pytest.mark.parametrize("session_id", [str(UUID(int=1)), "not an ID"])
@pytest.mark.parametrize("seconds", [315_576_000_001, 2**63 - 1, -(2**63)])
def test_duration_out_of_range_is_refused(seconds: int, session_id: str) -> None:
    request = supervision_pb2.GrantExtraTimeRequest(
        session_id=session_id, extra_time_reason="The laptop was replaced."
    )
    request.amount.seconds = seconds
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(request)
    assert refused.value.reason == "INVALID_REQUEST"
    assert [found.field for found in refused.value.violations] == ["amount"]


def test_invalid_nanoseconds_are_refused() -> None:
    with pytest.raises(ServiceError):
        time_of(Timestamp(seconds=1, nanos=-1), "start_time")


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(-62_135_596_800, 0), (253_402_300_799, 999_999_000)]
)
def test_time_that_is_stored_as_infinite_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises(ServiceError) as refused:
        time_of(Timestamp(seconds=seconds, nanos=nanos), "start_time")
    assert [found.field for found in refused.value.violations] == ["start_time"]


def test_valid_time_is_converted() -> None:
    moment = datetime(2027, 2, 28, 9, 30, tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    assert time_of(stamp, "start_time") == moment


def refusal(request: Message) -> dict[str, str]:
    """Check that `request` is refused; return the sentence for each refused field, by the name of the field."""
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(request)
    return {found.field: found.description for found in refused.value.violations}


def test_empty_id_has_to_be_filled_in() -> None:
    assert refusal(sessions_pb2.GetSessionRequest()) == {"session_id": "Fill this in."}


def test_each_refused_field_has_a_readable_sentence() -> None:
    plan = sessions_pb2.SessionPlan(title="x" * 201, proctor_ids=[], capacity=-1)
    sentences = refusal(sessions_pb2.ScheduleSessionRequest(plan=plan))
    assert sentences["plan.proctor_ids"] == "Choose at least one."
    assert sentences["plan.title"] == "Write 200 characters at most."
    assert sentences["plan.capacity"].startswith("This must be greater than")
    assert sentences["plan.start_time"] == "Fill this in."
    for sentence in sentences.values():
        assert "item(s)" not in sentence
        assert sentence.endswith(".")


def test_no_sentence_shows_a_regular_expression() -> None:
    sentences = refusal(
        people_pb2.CreatePersonRequest(legal_name="Lena", email="x", date_of_birth="17 May")
    )
    assert sentences["date_of_birth"] == "This must be a date, written like 1990-05-17."
    assert sentences["email"] == "This is not an e-mail address."
    assert sentences["roles"] == "Choose at least one."


def test_invalid_id_suggests_to_check_the_link() -> None:
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(attempts_pb2.GetAttemptRequest(attempt_id="x"))
    [violation] = refused.value.violations
    assert (violation.field, violation.rule) == ("attempt_id", "string.uuid")
    assert "Check the link" in refused.value.message
    assert "UUID" not in refused.value.message
