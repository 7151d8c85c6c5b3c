"""Encode requests as JSON, and corrupt requests that are encoded as protobuf or JSON."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

_TYPES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "x", [], {}, [[]], [None], {"": ""}, {"a": {"b": []}}, "\ud800", "\0", 10**400, "1e400", "Infinity",
)  # fmt: skip
_LITERALS = ("1e400", "-0", "1E+2147483648", "0.1e-999999", "NaN", "Infinity", "01", "0x10", "1" * 5000, "nul", "'x'", '"\\ud800"', '"\\u0000"')  # fmt: skip
_MARK = "#here#"


def corrupt_protobuf(random: Random, request: bytes) -> bytes:
    """Return `request` with an unknown field, with a changed byte, truncated or repeated; or return random bytes."""
    match random.randrange(7):
        case 0:
            # Append an unknown field with the highest possible field number and a varint as its value.
            return request + b"\xf8\xff\xff\xff\x0f" + b"\x01"
        case 1:
            return request + bytes([0xA2, 0x1F, 10]) + random.randbytes(10)  # field 500, bytes
        case 2:
            depth = random.choice((10, 99, 101, 5_000))
            return request + b"\xa3\x1f" * depth + b"\xa4\x1f" * random.choice((depth, 0))
        case 3:
            return request[: random.randrange(len(request) + 1)]
        case 4 if request:
            where = random.randrange(len(request))
            return request[:where] + random.randbytes(1) + request[where + 1 :]
        case 5:
            return random.randbytes(random.choice((1, 7, 100, 10_000)))
        case _:
            # Every field occurs twice. A parser must use the last value, concatenate lists, and merge messages.
            return request + request


def as_json(random: Random, request: Message) -> str:
    """Return the request as JSON text; raise ValueError if JSON cannot express it, for example an invalid time."""
    try:
        return json_format.MessageToJson(
            request,
            preserving_proto_field_name=random.random() < 0.5,
            use_integers_for_enums=random.random() < 0.3,
            indent=None,
        )
    except (json_format.Error, OverflowError) as failure:
        raise ValueError(str(failure)) from failure


def corrupt_json(random: Random, whole: str) -> str:
    """Return the JSON text with an unknown name, a value of a wrong type, an extreme value, or invalid syntax."""
    value = json.loads(whole)
    holders = list(_objects(value))
    holder = random.choice(holders)
    names = list(holder)
    name = random.choice(names) if names else "sessionId"
    match random.randrange(9):
        case 0:
            holder[name] = random.choice(_TYPES)
        case 1:
            holder["misspelt"] = random.choice(_TYPES)
        case 2:
            return _with(value, holder, _MARK, holder.get(name), name)
        case 3:
            depth = random.choice((31, 33, 100, 5_000))
            return _with_literal(value, holder, name, "[" * depth + "]" * depth)
        case 4:
            depth = random.choice((31, 33, 100, 5_000))
            return _with_literal(value, holder, name, '{"a":' * depth + "1" + "}" * depth)
        case 5:
            return _with_literal(value, holder, name, random.choice(_LITERALS))
        case 6:
            return whole[: random.randrange(len(whole))]
        case 7:
            where = random.randrange(len(whole))
            return whole[:where] + random.choice('{}[],:"\\\0\u202e') + whole[where:]
        case _:
            count = random.choice((10, 2_000))
            return _with_literal(value, holder, name, "[" + "{}," * count + "{}]")
    return json.dumps(value)


def _objects(value: object) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in _objects(inner))]
    if isinstance(value, list):
        return [found for inner in value[:20] for found in _objects(inner)]
    return []


def _with(value: object, holder: dict[str, Any], mark: str, copy: object, name: str) -> str:
    """Return the JSON text of `value` with a duplicate name: `holder` contains `name` again, with the value `copy`."""
    holder[mark] = copy
    return json.dumps(value).replace(json.dumps(mark), json.dumps(name), 1)


def _with_literal(value: object, holder: dict[str, Any], name: str, literal: str) -> str:
    """Return `value` as JSON text, with the text `literal` as the value of one field.

    The field is `name` in `holder`, which is an object in `value`. `literal` may be invalid JSON.
    """
    holder[name] = _MARK
    return json.dumps(value).replace(json.dumps(_MARK), literal, 1)
