from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    SourceCodeInfo,
)

from tools.checks.comments import BEHAVIOUR, check_behaviours, check_comments, check_errors
from tools.checks.contract import contract_of, read_protos

SESSIONS = "proctorium/session/v1/sessions.proto"


@pytest.fixture
def protos() -> list[FileDescriptorProto]:
    return read_protos()


def field(protos: list[FileDescriptorProto], name: str) -> FieldDescriptorProto:
    message, _, field_name = name.partition(".")
    (found,) = (
        each
        for file in protos
        if file.name == SESSIONS
        for candidate in file.message_type
        if candidate.name == message
        for each in candidate.field
        if each.name == field_name
    )
    return found


def behaviours(of: FieldDescriptorProto) -> Any:
    return of.options.Extensions[BEHAVIOUR]


def comments(protos: list[FileDescriptorProto]) -> Iterator[SourceCodeInfo.Location]:
    for file in protos:
        if file.name == SESSIONS:
            yield from (place for place in file.source_code_info.location if place.leading_comments)


def test_the_protos_pass(protos: list[FileDescriptorProto]) -> None:
    assert list(check_behaviours(protos)) == []
    assert list(check_comments(protos)) == []
    assert list(check_errors(protos, contract_of(read_protos()).reasons)) == []


def test_field_without_a_behaviour_is_found(protos: list[FileDescriptorProto]) -> None:
    for name in ("StartSessionRequest.session_id", "Session.state"):
        field(protos, name).options.ClearExtension(BEHAVIOUR)
    found = list(check_behaviours(protos))
    assert len(found) == 2
    assert all("has no google.api.field_behavior" in each for each in found)


def test_behaviour_that_contradicts_the_validation_rules_is_found(
    protos: list[FileDescriptorProto],
) -> None:
    behaviours(field(protos, "StartSessionRequest.session_id"))[:] = [field_behavior_pb2.OPTIONAL]
    behaviours(field(protos, "SessionPlan.late_entry"))[:] = [field_behavior_pb2.REQUIRED]
    allowed, refused = sorted(check_behaviours(protos))
    assert "SessionPlan.late_entry: the validation rules allow it" in allowed
    assert "StartSessionRequest.session_id: the validation rules refuse it" in refused


def test_comment_that_is_not_a_sentence_is_found(protos: list[FileDescriptorProto]) -> None:
    place = next(iter(comments(protos)))
    place.leading_comments = " The session\n"
    (found,) = check_comments(protos)
    assert (
        found
        == f"protos/{SESSIONS}:{place.span[0] + 1}: the comment must end as a sentence: The session"
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (" - NOT_FOUND: there is none.", "write each error as"),
        (" - NOT_FOUND (MISSING): there is none.", "gRPC has no code MISSING"),
        (" - NOT_THERE (NOT_FOUND): there is none.", "no proto names the reason NOT_THERE"),
    ],
)
def test_unknown_error_is_found(line: str, problem: str, protos: list[FileDescriptorProto]) -> None:
    place = next(place for place in comments(protos) if "Errors:\n" in place.leading_comments)
    place.leading_comments = f" Starts it.\n\n Errors:\n{line}\n"
    (found,) = check_errors(protos, contract_of(read_protos()).reasons)
    assert problem in found
