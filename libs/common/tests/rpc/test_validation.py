"""What the rules in the protos cannot say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.v1 import attempts_pb2
from proctorium.enrollment.v1 import courses_pb2, people_pb2
from proctorium.session.v1 import sessions_pb2
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.validation import RequestRules, check_texts, time_of


def test_a_zero_character_is_found_wherever_it_hides() -> None:
    units = [courses_pb2.UnitContent(title="Safety"), courses_pb2.UnitContent(title="a\0b")]
    with pytest.raises(ServiceError) as refused:
        check_texts(courses_pb2.CreateCourseRequest(title="Safety", units=units))
    assert [found.field for found in refused.value.violations] == ["units[1].title"]
    with pytest.raises(ServiceError) as refused:
        check_texts(people_pb2.BatchGetNamesRequest(person_ids=["a", "\0"]))
    assert [found.field for found in refused.value.violations] == ["person_ids[1]"]


def test_zero_bytes_that_are_no_text_are_nobody_s_business() -> None:
    check_texts(courses_pb2.CreateCourseRequest(title="Safety", hours=2.0))


@pytest.mark.parametrize("seconds", [10**15, -(10**15), 253_402_300_800])
def test_a_time_that_no_calendar_has_is_refused(seconds: int) -> None:
    with pytest.raises(ServiceError) as refused:
        time_of(Timestamp(seconds=seconds), "start_time")
    assert refused.value.reason == "INVALID_REQUEST"
    assert [found.field for found in refused.value.violations] == ["start_time"]


def test_a_nanosecond_count_that_no_second_has_is_refused() -> None:
    with pytest.raises(ServiceError):
        time_of(Timestamp(seconds=1, nanos=-1), "start_time")


def test_any_other_time_is_that_time() -> None:
    moment = datetime(2027, 2, 28, 9, 30, tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    assert time_of(stamp, "start_time") == moment


def refusal(request: Message) -> dict[str, str]:
    """The sentence for each refused field of `request`."""
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(request)
    return {found.field: found.description for found in refused.value.violations}


def test_each_refused_field_has_a_sentence_for_people() -> None:
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


def test_a_mistyped_link_has_a_sentence_that_helps() -> None:
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(attempts_pb2.GetAttemptRequest(attempt_id="x"))
    [violation] = refused.value.violations
    assert (violation.field, violation.rule) == ("attempt_id", "string.uuid")
    assert "Check the link" in refused.value.message
    assert "UUID" not in refused.value.message
