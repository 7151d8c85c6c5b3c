"""Tests that JSON with an invalid field is refused, and that the service receives the content of valid JSON unchanged.

The error for an invalid field contains the name of the field.
"""

from __future__ import annotations

import json

import pytest
from httpx2 import Response

from proctorium_common.rpc.access import rules

from .filled import Method, as_json, methods, objects, read
from .harness import EVIDENCE, MIB, SERVICES, Harness
from .test_edge import assert_json_error

RULES = rules()
METHODS = [
    method
    for method in methods()
    if method.service in SERVICES and not RULES[method.path].for_services_only
]
UNARY = [
    method for method in METHODS if not (method.request_streaming or method.response_streaming)
]
CREATE = "/proctorium.enrollment.v1.PersonService/CreatePerson"
SCHEDULE = "/proctorium.session.v1.SessionService/ScheduleSession"
SAVE = "/proctorium.assessment.v1.AttemptService/SaveAnswers"


def _name_of(method: Method) -> str:
    return method.path.rpartition(".")[2]


def assert_field_refused(response: Response, field: str) -> None:
    """Assert that the response is the error INVALID_REQUEST about `field`, in the form of a service's error."""
    assert response.status_code == 400, response.text
    assert_json_error(response, 3, "INVALID_REQUEST")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in response.json()["details"]}
    assert [violation["field"] for violation in details["BadRequest"]["fieldViolations"]] == [field]
    assert details["BadRequest"]["fieldViolations"][0]["description"].endswith(".")
    assert details["ErrorInfo"]["metadata"]["field"] == field


@pytest.mark.parametrize("method", UNARY, ids=_name_of)
@pytest.mark.parametrize("proto_names", [False, True], ids=["camel", "snake"])
async def test_complete_request_arrives_unchanged(
    harness: Harness, method: Method, proto_names: bool
) -> None:
    sent = method.filled()
    response = await harness.json(method.path, json.dumps(as_json(sent, proto_names=proto_names)))
    assert response.status_code == 200, response.text
    assert read(method, harness.upstreams.request) == sent


@pytest.mark.parametrize("method", METHODS, ids=_name_of)
async def test_unknown_field_is_refused_at_every_level(harness: Harness, method: Method) -> None:
    body = as_json(method.filled())
    for path, _, value in objects(method.request, body):
        value["misspelt"] = 1
        response = await harness.json(method.path, json.dumps(body))
        assert_field_refused(response, f"{path}.misspelt" if path else "misspelt")
        del value["misspelt"]


@pytest.mark.parametrize("method", METHODS, ids=_name_of)
async def test_repeated_field_name_is_refused_at_every_level(
    harness: Harness, method: Method
) -> None:
    body = as_json(method.filled())
    for path, message, value in objects(method.request, body):
        for field in message.fields:
            if field.json_name not in value:
                continue
            # Add the field a second time, with a different spelling of its name: the name in the proto, or the same
            # name with an escaped first letter if the names in JSON and in the proto are equal.
            second_name = field.name if field.name != field.json_name else _escape_first(field.name)
            placeholder = f"#{field.name}#"
            value[placeholder] = value[field.json_name]
            text = json.dumps(body).replace(f'"{placeholder}"', f'"{second_name}"')
            del value[placeholder]
            response = await harness.json(method.path, text)
            assert_field_refused(response, f"{path}.{field.name}" if path else field.name)


def _escape_first(name: str) -> str:
    return f"\\u{ord(name[0]):04x}{name[1:]}"


@pytest.mark.parametrize("method", METHODS, ids=_name_of)
async def test_unknown_enum_value_is_refused_at_every_level(
    harness: Harness, method: Method
) -> None:
    body = as_json(method.filled())
    for path, message, value in objects(method.request, body):
        for field in message.fields:
            if field.enum_type is None or field.json_name not in value:
                continue
            original = value[field.json_name]
            value[field.json_name] = ["MISSPELT"] if field.is_repeated else "MISSPELT"
            response = await harness.json(method.path, json.dumps(body))
            name = f"{field.name}[0]" if field.is_repeated else field.name
            assert_field_refused(response, f"{path}.{name}" if path else name)
            value[field.json_name] = original


@pytest.mark.parametrize("method", METHODS, ids=_name_of)
async def test_two_fields_of_a_oneof_are_refused(harness: Harness, method: Method) -> None:
    body = as_json(method.filled())
    for path, message, value in objects(method.request, body):
        for oneof in message.oneofs:
            first, *others = oneof.fields
            if not others or first.json_name not in value:
                continue
            other = others[0]
            value[other.json_name] = {} if other.message_type is not None else 1
            response = await harness.json(method.path, json.dumps(body))
            assert_field_refused(response, f"{path}.{other.name}" if path else other.name)
            del value[other.json_name]


INVALID_FIELDS = {
    "password-misspelt": (CREATE, '{"legalName": "x", "pasword": "x"}', "pasword"),
    "name-with-quotes": (CREATE, '{"a\\"b": 1}', 'a"b'),
    "list-for-a-message": (SCHEDULE, '{"plan": []}', "plan"),
    "text-for-a-message": (SCHEDULE, '{"plan": "x"}', "plan"),
    "list-for-a-text": (CREATE, '{"password": ["x"]}', "password"),
    "object-for-a-text": (CREATE, '{"password": {}}', "password"),
    "text-for-a-list": (SAVE, '{"changes": "x"}', "changes"),
}


@pytest.mark.parametrize(
    ("method", "body", "field"), INVALID_FIELDS.values(), ids=INVALID_FIELDS.keys()
)
async def test_invalid_field_is_named_in_the_error(
    harness: Harness, method: str, body: str, field: str
) -> None:
    harness.upstreams.metadata = {}
    assert_field_refused(await harness.json(method, body), field)
    assert harness.upstreams.metadata == {}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        " \n{ } ",
        '{"legalName": null, "password": null}',
        '{"password": "\\u00e9\\ud83d\\ude00"}',
    ],
)
async def test_valid_json_is_accepted(harness: Harness, body: str) -> None:
    assert (await harness.json(CREATE, body)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "[]", "[{}]", "1", '"x"', "null", "{", "{}}", "{} {}", '{"password"}', '{"password":}', '{"password": "x",}',
        '{"password": "x" "email": "x"}', "{'password': 'x'}", "{password: 1}", '{"password": "x}', '{"password": nul}',
        '{"password": "\\"}', '{"\\u00g0": 1}', "/**/{}", "\ufeff{}",
    ],
)  # fmt: skip
async def test_body_that_is_not_a_json_object_is_refused(harness: Harness, body: str) -> None:
    response = await harness.json(CREATE, body)
    assert response.status_code == 400
    assert_json_error(response, 3, "INVALID_REQUEST")


QUERIES = {
    "unknown": ("misspelt=1", "misspelt"),
    "unknown-inside": ("email.misspelt=1", "email.misspelt"),
    "without-a-value": ("misspelt", "misspelt"),
    "encoded": ("missp%65lt=1", "misspelt"),
    "twice": ("password=a&password=b", "password"),
    "no-name": ("=1", ""),
}


@pytest.mark.parametrize(("query", "field"), QUERIES.values(), ids=QUERIES.keys())
async def test_invalid_query_parameter_is_refused(harness: Harness, query: str, field: str) -> None:
    assert_field_refused(await harness.json(f"{CREATE}?{query}"), field)


HUGE = {
    "empty-lists": '{"email":' + "[" * 500_000 + "]" * 500_000 + "}",
    "many-numbers": '{"changes":[' + "1," * 400_000 + "1]}",
    "many-empty-objects": '{"changes":[' + "{}," * 300_000 + "{}]}",
    "many-names": "{" + ",".join(f'"a{n}":1' for n in range(80_000)) + "}",
    "escaped-quotes": '{"password":"' + '\\"' * 400_000 + '"}',
    "blanks": '{"password":' + " " * 900_000 + '"x", "x": 1}',
    "backslashes": '{"password":"' + "\\\\" * 400_000 + '", "x": 1}',
}


@pytest.mark.parametrize("body", HUGE.values(), ids=HUGE.keys())
async def test_work_for_one_request_is_limited(harness: Harness, body: str) -> None:
    assert len(body) < MIB
    response = await harness.json(SAVE if "changes" in body[:20] else CREATE, body)
    assert response.status_code == 400
    assert_json_error(response, 3, "INVALID_REQUEST")


INVALID_UPLOADS = {
    "unterminated": '{"image":"' + "A" * (8 * MIB),
    "after-the-value": '{"image":"A"' + "A" * (8 * MIB) + "}",
    "unknown-field-first": '{"unknown":"' + "A" * (8 * MIB) + '"}',
    "unknown-field-last": '{"image":"' + "A" * (8 * MIB) + '","unknown":1}',
    "no-base64": '{"image":"' + "!" * (8 * MIB) + '"}',
}


@pytest.mark.parametrize("body", INVALID_UPLOADS.values(), ids=INVALID_UPLOADS.keys())
async def test_refused_upload_does_not_affect_other_calls(harness: Harness, body: str) -> None:
    response = await harness.json(EVIDENCE, body)
    assert response.status_code == 400
    assert_json_error(response, 3, "INVALID_REQUEST")
    assert (await harness.json(CREATE, "{}")).status_code == 200


async def test_upload_is_accepted(harness: Harness) -> None:
    body = json.dumps({"caseId": "x", "image": "A" * (8 * MIB)})
    response = await harness.json(EVIDENCE, body)
    assert response.status_code == 200, response.text
    assert len(harness.upstreams.request) > 6 * MIB
