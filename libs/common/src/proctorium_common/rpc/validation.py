"""Validation of requests by the rules in the protos (protovalidate). Each invalid field gets a readable message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from protovalidate import EvaluationError, Validator
from protovalidate import Violation as BrokenRule

from proctorium_common.errors import VIOLATION_LIMIT, ServiceError, Violation, invalid

_INFINITE = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})
"""The two times that the database driver stores as infinity, and that it returns without a time zone."""

_LONGEST_DURATION = 315_576_000_000
"""The greatest number of seconds in a valid `Duration`, which is about 10,000 years."""

_COLLECTED_PARTS = 1000
"""The maximum number of messages and list elements in a request for which all violations are reported.

If a request has more messages and list elements, only the first violation is reported.
"""

# protovalidate describes a violation in the terms of protobuf ("must contain at least 1 item(s)"). The sentences below
# replace such descriptions. A form shows a sentence beside the field's label, so each sentence must be understandable
# without context, and must explain how to correct the field.
_FIXED = {
    "required": "Fill this in.",
    "string.email": "This is not an e-mail address.",
    "string.uuid": "This is not an ID. Check the link, or open the page again from where you came.",
    "string.uuid_empty": "Fill this in.",
    "enum.defined_only": "Choose one of the options.",
    "enum.not_in": "Choose one of the options.",
    "repeated.unique": "The same entry is there twice.",
    "bytes.min_len": "This file is empty.",
}
# Each rule has two sentences. The first sentence is for a limit of one, and the second for any other limit.
_WITH_LIMIT = {
    "string.min_len": ("Fill this in.", "Write at least {} characters."),
    "string.max_len": ("Write one character at most.", "Write {} characters at most."),
    "repeated.min_items": ("Choose at least one.", "Choose at least {}."),
    "repeated.max_items": ("Choose one at most.", "Choose {} at most."),
    "bytes.max_len": ("This file is too large.", "This file is too large: {} bytes are allowed."),
}


class RequestRules:
    """The validation rules of requests. The rules of each request type are compiled once."""

    def __init__(self) -> None:
        self._validator = Validator()

    def compile(self, request: type[Message]) -> None:
        """Compile the rules of the type `request`, so that an invalid rule raises an error when the service starts."""
        self._validator.collect_violations(request())

    def check(self, request: Message) -> None:
        """Raise INVALID_REQUEST with the violations if `request` violates a rule.

        For a large request, only the first violation is collected. Collecting all violations of a list with half a
        million invalid elements, for example, would take half a minute and more than a gigabyte of memory.
        """
        violations = self._collect(request, fail_fast=True)
        if not violations:
            return
        if _has_more_parts(request, _COLLECTED_PARTS):
            raise _error(violations, more=" (The rest was not checked.)")
        raise _error(self._collect(request, fail_fast=False))

    def _collect(self, request: Message, *, fail_fast: bool) -> list[BrokenRule]:
        try:
            return self._validator.collect_violations(request, fail_fast=fail_fast)
        except EvaluationError:
            # A duration that is out of range makes the evaluation of a CEL rule fail. This is an error of the caller.
            _check_durations(request)
            raise


def check_texts(request: Message) -> None:
    """Raise INVALID_REQUEST if a string in `request` has a zero character, which PostgreSQL cannot store."""
    for path, text in _texts(request):
        if "\0" in text:
            raise _one(path, "string.zero", "Remove the zero character: it cannot be stored.")


def time_of(stamp: Timestamp, field: str) -> datetime:
    """Return the timestamp `stamp` of a request as an aware time in UTC.

    Raises INVALID_REQUEST for `field` if the time is out of range.
    """
    try:
        time = stamp.ToDatetime(tzinfo=UTC)
        if time in _INFINITE:
            raise ValueError("a time that is stored as an infinite one")
    except (ValueError, OverflowError) as failure:
        raise _one(
            field, "timestamp.calendar", "This must be a time between the years 1 and 9999."
        ) from failure
    return time


def _check_durations(message: Message, before: str = "") -> None:
    """Raise INVALID_REQUEST if a duration in `message` is out of range."""
    for field, value in message.ListFields():
        if field.message_type is None or field.is_repeated:
            continue
        path = f"{before}{field.name}"
        if not isinstance(value, Duration):
            _check_durations(value, f"{path}.")
        elif abs(value.seconds) > _LONGEST_DURATION:
            raise _one(path, "duration.range", "This must be a duration of at most 10,000 years.")


def _has_more_parts(request: Message, limit: int) -> bool:
    """Return whether `request` has more than `limit` messages and list elements."""
    parts = 0
    waiting: list[Message] = [request]
    while waiting and parts <= limit:
        for field, value in waiting.pop().ListFields():
            if field.is_repeated:
                parts += len(value)
                if parts <= limit:
                    waiting += _messages_in(field, value)
            elif field.message_type is not None:
                parts += 1
                waiting.append(value)
    return parts > limit


def _messages_in(field: FieldDescriptor, values: Any) -> Iterable[Message]:
    """Return the messages in `values`, the list or map of `field`; return nothing if the values are not messages."""
    if field.message_type is None:
        return ()
    if not field.message_type.GetOptions().map_entry:
        return cast("Iterable[Message]", values)
    is_message = field.message_type.fields_by_name["value"].message_type is not None
    return values.values() if is_message else ()


def _texts(message: Message, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield each string in `message` with the path of its field."""
    for field, value in message.ListFields():
        if field.type not in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE}:
            continue
        several = not isinstance(value, str | Message)
        for index, each in enumerate(value if several else (value,)):
            path = f"{before}{field.name}[{index}]" if several else f"{before}{field.name}"
            if isinstance(each, str):
                yield path, each
            else:
                yield from _texts(each, f"{path}.")


def _one(field: str, rule: str, description: str) -> ServiceError:
    return invalid(
        "INVALID_REQUEST",
        f"The request is not valid. {field}: {description}",
        violations=[Violation(field, rule, description)],
    )


def _error(broken: list[BrokenRule], *, more: str = "") -> ServiceError:
    violations = [
        Violation(_path(rule), rule.proto.rule_id or "", _sentence_of(rule)) for rule in broken
    ]
    first = violations[0]
    where = f"{first.field}: " if first.field else ""
    if 1 < len(violations) <= VIOLATION_LIMIT:
        more = f" (And {len(violations) - 1} more.)"
    return invalid(
        "INVALID_REQUEST",
        f"The request is not valid. {where}{first.description}{more}",
        violations=violations,
    )


def _path(rule: BrokenRule) -> str:
    field = rule.proto.field
    if field is None:
        return ""
    return ".".join(
        element.field_name + (f"[{element.subscript.value}]" if element.subscript else "")
        for element in field.elements
    )


def _sentence_of(violation: BrokenRule) -> str:
    """Return the sentence for people about the field of `violation`.

    If the violated rule is in `_FIXED` or `_WITH_LIMIT`, the sentence comes from that mapping. Otherwise the message of
    the rule becomes the sentence. The messages of Proctorium's own rules (CEL) are written for people. The messages of
    protovalidate get a subject: "must be greater than or equal to 0" becomes "This must be greater than or equal to 0."
    """
    rule = violation.proto.rule_id or ""
    if rule in _FIXED:
        return _FIXED[rule]
    if rule in _WITH_LIMIT:
        one, several = _WITH_LIMIT[rule]
        return one if violation.rule_value == 1 else several.format(violation.rule_value)
    return as_sentence(violation.proto.message or "is not valid")


def as_sentence(message: str) -> str:
    """Return `message` as a complete sentence, which has a subject, begins with a capital and ends with a full stop."""
    subject = "This " if message.startswith(("must ", "is ")) else ""
    whole = subject + message
    return whole[0].upper() + whole[1:] + ("" if whole.endswith((".", "!", "?")) else ".")
