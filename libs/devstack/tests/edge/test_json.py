"""JSON that no message can hold is refused, with a reason that names the field; everything else arrives as intended."""

from __future__ import annotations

import json

import pytest
from httpx2 import Response

from proctorium_common.rpc.access import rules

from .filled import Method, as_json, methods, objects, read
from .test_edge import assert_said
from .world import EVIDENCE, MIB, SERVICES, World

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


def _named(method: Method) -> str:
    return method.path.rpartition(".")[2]


def assert_names(answer: Response, field: str) -> None:
    """The request was refused for this field, as services refuse one."""
    assert answer.status_code == 400, answer.text
    assert_said(answer, 3, "INVALID_REQUEST")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in answer.json()["details"]}
    assert [one["field"] for one in details["BadRequest"]["fieldViolations"]] == [field]
    assert details["BadRequest"]["fieldViolations"][0]["description"].endswith(".")
    assert details["ErrorInfo"]["metadata"]["field"] == field


@pytest.mark.parametrize("method", UNARY, ids=_named)
@pytest.mark.parametrize("proto_names", [False, True], ids=["camel", "snake"])
async def test_a_whole_request_arrives_as_it_was_sent(
    world: World, method: Method, proto_names: bool
) -> None:
    sent = method.filled()
    answer = await world.json(method.path, json.dumps(as_json(sent, proto_names=proto_names)))
    assert answer.status_code == 200, answer.text
    assert read(method, world.behind.request) == sent


@pytest.mark.parametrize("method", METHODS, ids=_named)
async def test_an_unknown_field_is_refused_wherever_it_stands(world: World, method: Method) -> None:
    whole = as_json(method.filled())
    for path, _, value in objects(method.request, whole):
        value["misspelt"] = 1
        answer = await world.json(method.path, json.dumps(whole))
        assert_names(answer, f"{path}.misspelt" if path else "misspelt")
        del value["misspelt"]


@pytest.mark.parametrize("method", METHODS, ids=_named)
async def test_a_field_that_is_there_twice_is_refused_wherever_it_stands(
    world: World, method: Method
) -> None:
    whole = as_json(method.filled())
    for path, message, value in objects(method.request, whole):
        for field in message.fields:
            if field.json_name not in value:
                continue
            # The field is given twice: under both of its names, or under one name in two spellings.
            again = field.name if field.name != field.json_name else _escaped(field.name)
            mark = f"#{field.name}#"
            value[mark] = value[field.json_name]
            body = json.dumps(whole).replace(f'"{mark}"', f'"{again}"')
            del value[mark]
            answer = await world.json(method.path, body)
            assert_names(answer, f"{path}.{field.name}" if path else field.name)


def _escaped(name: str) -> str:
    return f"\\u{ord(name[0]):04x}{name[1:]}"


@pytest.mark.parametrize("method", METHODS, ids=_named)
async def test_a_misspelt_value_of_an_enum_is_refused_wherever_it_stands(
    world: World, method: Method
) -> None:
    whole = as_json(method.filled())
    for path, message, value in objects(method.request, whole):
        for field in message.fields:
            if field.enum_type is None or field.json_name not in value:
                continue
            right = value[field.json_name]
            value[field.json_name] = ["MISSPELT"] if field.is_repeated else "MISSPELT"
            answer = await world.json(method.path, json.dumps(whole))
            name = f"{field.name}[0]" if field.is_repeated else field.name
            assert_names(answer, f"{path}.{name}" if path else name)
            value[field.json_name] = right


@pytest.mark.parametrize("method", METHODS, ids=_named)
async def test_two_fields_of_a_oneof_are_refused(world: World, method: Method) -> None:
    whole = as_json(method.filled())
    for path, message, value in objects(method.request, whole):
        for oneof in message.oneofs:
            first, *others = oneof.fields
            if not others or first.json_name not in value:
                continue
            other = others[0]
            value[other.json_name] = {} if other.message_type is not None else 1
            answer = await world.json(method.path, json.dumps(whole))
            assert_names(answer, f"{path}.{other.name}" if path else other.name)
            del value[other.json_name]


SAID = {
    "password-misspelt": (CREATE, '{"legalName": "x", "pasword": "x"}', "pasword"),
    "name-with-quotes": (CREATE, '{"a\\"b": 1}', 'a"b'),
    "list-for-a-message": (SCHEDULE, '{"plan": []}', "plan"),
    "text-for-a-message": (SCHEDULE, '{"plan": "x"}', "plan"),
    "list-for-a-text": (CREATE, '{"password": ["x"]}', "password"),
    "object-for-a-text": (CREATE, '{"password": {}}', "password"),
    "text-for-a-list": (SAVE, '{"changes": "x"}', "changes"),
}


@pytest.mark.parametrize(("method", "body", "field"), SAID.values(), ids=SAID.keys())
async def test_a_refusal_names_the_field_as_it_was_written(
    world: World, method: str, body: str, field: str
) -> None:
    world.behind.metadata = {}
    assert_names(await world.json(method, body), field)
    assert world.behind.metadata == {}


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
async def test_what_is_right_is_let_through(world: World, body: str) -> None:
    assert (await world.json(CREATE, body)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "[]", "[{}]", "1", '"x"', "null", "{", "{}}", "{} {}", '{"password"}', '{"password":}', '{"password": "x",}',
        '{"password": "x" "email": "x"}', "{'password': 'x'}", "{password: 1}", '{"password": "x}', '{"password": nul}',
        '{"password": "\\"}', '{"\\u00g0": 1}', "/**/{}", "\ufeff{}",
    ],
)  # fmt: skip
async def test_what_is_no_json_object_is_refused(world: World, body: str) -> None:
    answer = await world.json(CREATE, body)
    assert answer.status_code == 400
    assert_said(answer, 3, "INVALID_REQUEST")


QUERIES = {
    "unknown": ("misspelt=1", "misspelt"),
    "unknown-inside": ("email.misspelt=1", "email.misspelt"),
    "without-a-value": ("misspelt", "misspelt"),
    "encoded": ("missp%65lt=1", "misspelt"),
    "twice": ("password=a&password=b", "password"),
    "no-name": ("=1", ""),
}


@pytest.mark.parametrize(("query", "field"), QUERIES.values(), ids=QUERIES.keys())
async def test_an_unknown_parameter_is_refused(world: World, query: str, field: str) -> None:
    assert_names(await world.json(f"{CREATE}?{query}"), field)


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
async def test_work_for_one_request_is_bounded(world: World, body: str) -> None:
    assert len(body) < MIB
    answer = await world.json(SAVE if "changes" in body[:20] else CREATE, body)
    assert answer.status_code == 400
    assert_said(answer, 3, "INVALID_REQUEST")


NO_UPLOADS = {
    "unterminated": '{"image":"' + "A" * (8 * MIB),
    "behind-the-value": '{"image":"A"' + "A" * (8 * MIB) + "}",
    "unknown-field-first": '{"unknown":"' + "A" * (8 * MIB) + '"}',
    "unknown-field-last": '{"image":"' + "A" * (8 * MIB) + '","unknown":1}',
    "no-base64": '{"image":"' + "!" * (8 * MIB) + '"}',
}


@pytest.mark.parametrize("body", NO_UPLOADS.values(), ids=NO_UPLOADS.keys())
async def test_an_upload_that_is_refused_ends_nothing_but_itself(world: World, body: str) -> None:
    answer = await world.json(EVIDENCE, body)
    assert answer.status_code == 400
    assert_said(answer, 3, "INVALID_REQUEST")
    assert (await world.json(CREATE, "{}")).status_code == 200


async def test_an_upload_is_let_through(world: World) -> None:
    body = json.dumps({"caseId": "x", "image": "A" * (8 * MIB)})
    answer = await world.json(EVIDENCE, body)
    assert answer.status_code == 200, answer.text
    assert len(world.behind.request) > 6 * MIB
