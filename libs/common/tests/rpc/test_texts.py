"""Test that fields with texts for people refuse invisible characters (`proctorium/options/v1/texts.proto`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buf.validate import validate_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from proctorium.enrollment.v1.courses_pb2 import COURSE_KIND_PROCTORED, CreateCourseRequest
from proctorium.enrollment.v1.people_pb2 import CreatePersonRequest
from proctorium.options.v1 import texts_pb2
from proctorium.options.v1.options_pb2 import ROLE_LEARNER
from proctorium_common.descriptors import descriptor_set
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.validation import RequestRules

RULES = RequestRules()
CONTROL_CHARACTERS = {
    "bell": "\x07",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line": "\x85",
    "last of C1": "\x9f",
    "embedding": "\u202a",
    "override": "\u202e",
    "isolate": "\u2066",
    "end of isolate": "\u2069",
    "lone carriage return": "\r",
}
LINES = {
    "line feed": "\n",
    "tab": "\t",
    "carriage return and line feed": "\r\n",
    "separator": "\u2028",
}
BLANK = {
    "spaces": "  ",
    "no-break space": "\u00a0",
    "ideographic space": "\u3000",
    "zero-width space": "\u200b",
    "joiners": "\u200c\u200d",
    "mark of direction": "\u200f",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "word joiner": "\u2060",
    "accent without a letter": "\u0301",
    "variation selector": "\ufe0f",
    "Hangul fillers": "\u3164\u115f\u1160\uffa0",
    "braille blank": "\u2800",
    "tags": "\U000e0041",
    "all sorts": " \u200b\u00a0",
}
# Suffixes of field names. No person reads a field with such a name, because the field is for programs or its text is
# hashed.
_MACHINE_READ = (
    "_id",
    "_ids",
    "_token",
    "cursor",
    "etag",
    "password",
    "client_address",
    "media_type",
)
# Fields whose text is not stored as it was typed. The text is only compared with stored texts, or only the letters and
# digits of a code are stored (`C3`).
_LOOKED_UP = {
    "proctorium.enrollment.v1.IssueCodeRequest.text",
    "proctorium.enrollment.v1.SignInRequest.email",
    "proctorium.enrollment.v1.CodeEntry.text",
    "proctorium.session.v1.JoinSessionRequest.code",
}


def person(name: str) -> CreatePersonRequest:
    return CreatePersonRequest(legal_name=name, email="lena@example.org", roles=[ROLE_LEARNER])


def person_reading(locale: str) -> CreatePersonRequest:
    request = person("Lena Fischer")
    request.locale = locale
    return request


def course(description: str) -> CreateCourseRequest:
    return CreateCourseRequest(
        title="Laboratory safety", description=description, kind=COURSE_KIND_PROCTORED
    )


@pytest.mark.parametrize(
    "character", [*CONTROL_CHARACTERS.values(), *LINES.values()], ids=[*CONTROL_CHARACTERS, *LINES]
)
@pytest.mark.parametrize("text", ["{}", "Lena{}Fischer", "Lena{}"])
def test_control_character_in_a_line_is_refused(text: str, character: str) -> None:
    with pytest.raises(ServiceError) as refused:
        RULES.check(person(text.format(character)))
    (violation,) = refused.value.violations
    assert (refused.value.reason, violation.field, violation.rule) == (
        "INVALID_REQUEST",
        "legal_name",
        "string.one_line",
    )
    assert "type it instead of pasting it" in refused.value.message


@pytest.mark.parametrize("character", CONTROL_CHARACTERS.values(), ids=CONTROL_CHARACTERS)
@pytest.mark.parametrize("text", ["{}", "first\n{}second", "first{}"])
def test_control_character_in_several_lines_is_refused(text: str, character: str) -> None:
    with pytest.raises(ServiceError) as refused:
        RULES.check(course(text.format(character)))
    assert [each.rule for each in refused.value.violations] == ["string.several_lines"]


@pytest.mark.parametrize("character", LINES.values(), ids=LINES)
def test_line_breaks_in_several_lines_are_accepted(character: str) -> None:
    RULES.check(course(f"first{character}second{character}"))


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_text_without_a_visible_character_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as refused:
        RULES.check(person(text))
    assert _broken(refused.value) == [("legal_name", "string.blank")]
    assert "must contain a visible character" in refused.value.message
    with pytest.raises(ServiceError) as refused:
        RULES.check(course(f"{text}\n\t\r\n\u2028{text}"))
    assert _broken(refused.value) == [("description", "string.blank")]
    RULES.check(person(f"{text}x"))
    RULES.check(course(f"{text}\nx"))


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "en",
        "de-CH",
        "zh-Hans-CN",
        "es-419",
        "gsw",
        "zh-yue-HK",
        "de-CH-1901",
        "sl-rozaj-biske",
        "de-DE-u-co-phonebk",
        "en-x-plain",
    ],
)
def test_language_tag_is_accepted(tag: str) -> None:
    RULES.check(person_reading(tag))


@pytest.mark.parametrize(
    "tag",
    ["e", "de_CH", "de-", "-de", "de--CH", "de-CH-x", "German", "Deutsch (Schweiz)", "de-ÖS", "12"],
)
def test_invalid_language_tag_is_refused(tag: str) -> None:
    with pytest.raises(ServiceError) as refused:
        RULES.check(person_reading(tag))
    assert _broken(refused.value) == [("locale", "string.language_tag")]
    assert "such as en, de-CH or zh-Hans-CN" in refused.value.message


@pytest.mark.parametrize(
    "name",
    [
        "Zoë O'Brien-Łukasz",
        "محمد علي",
        "עברית \u200f(123)",
        "नीलम\u200dा",
        "田中 さくら",
        "👩\u200d🔬",
        "",
    ],
)
def test_text_in_any_script_is_accepted(name: str) -> None:
    RULES.check(person(name or "x"))
    RULES.check(course(name))


def test_every_text_field_has_a_rule() -> None:
    open_texts = sorted(
        {field.full_name for field in _texts_of_requests() if not _is_bounded(field)}
    )
    assert open_texts == []


def test_no_rule_shows_its_regular_expression() -> None:
    """Check that rules use CEL instead of `string.pattern`, whose message contains the regular expression."""
    assert [field.full_name for field in _texts_of_requests() if _rules(field).pattern] == []


def _broken(refusal: ServiceError) -> list[tuple[str, str]]:
    return [(each.field, each.rule) for each in refusal.violations]


def _texts_of_requests() -> Iterator[FieldDescriptor]:
    files = descriptor_set()
    pool = descriptor_pool.DescriptorPool()
    seen: set[str] = set()
    for file in files.file:
        pool.Add(file)
    for file in files.file:
        for service in file.service if file.package.startswith("proctorium.") else ():
            for method in service.method:
                yield from _texts(pool.FindMessageTypeByName(method.input_type.strip(".")), seen)


def _texts(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.message_type is not None:
            if not field.message_type.full_name.startswith("google.protobuf."):
                yield from _texts(field.message_type, seen)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield field


def _is_bounded(field: FieldDescriptor) -> bool:
    if field.name.endswith(_MACHINE_READ) or field.full_name in _LOOKED_UP:
        return True
    rules = _rules(field)
    return bool(
        any(rule.expression.startswith("this.matches(r'^") for rule in _options(field).cel)
        or rules.WhichOneof("well_known")
        or getattr(rules, "in")  # a list of the permitted texts
        or rules.Extensions[texts_pb2.one_line]
        or rules.Extensions[texts_pb2.several_lines]
    )


def _rules(field: FieldDescriptor) -> validate_pb2.StringRules:
    options = _options(field)
    return options.repeated.items.string if field.is_repeated else options.string


def _options(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return validate_pb2.FieldRules.FromString(
        field.GetOptions().Extensions[validate_pb2.field].SerializeToString()
    )
