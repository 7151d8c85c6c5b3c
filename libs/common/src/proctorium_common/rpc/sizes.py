"""The maximum size of a method's request, computed once from the validation rules of the request's fields.

A request that is larger than every valid request is refused before it is parsed, because parsing a request can take
many times the size of the request in memory. Without this check, a client could, for example, send a megabyte to a
method that needs only an id.
"""

from __future__ import annotations

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

FLOOR_BYTES = 64 * 1024
"""The smallest limit of any method.

Because of this minimum, most requests with a field that is too long are still parsed. The error can then name the field
and the violated rule.
"""

REQUEST_BYTES = 1024 * 1024
"""The largest limit of a method if all fields of its request have a size limit.

The edge buffers requests up to this size.
"""

_UTF8 = 4
_NUMBER = 10
_TAG = 10  # the maximum size of a field's number and length
_PREFIX_MESSAGES = "google.protobuf."
_WELL_KNOWN = 64  # the maximum size of a Timestamp, a Duration or a wrapper


def request_bytes(request: Descriptor, server_bytes: int) -> int:
    """Return the size in bytes of the largest request that a method accepts.

    `server_bytes` is the message size limit of the server. If a field of the request has no size limit, returns
    `server_bytes`. An example is the field of an uploaded file, because its size limit is a setting.
    """
    bound = _message_bytes(request, ())
    if bound is None:
        return server_bytes
    return min(max(bound, FLOOR_BYTES), REQUEST_BYTES, server_bytes)


def unbounded_fields(request: Descriptor) -> list[str]:
    """Return the paths of the fields in `request` that have no size limit."""
    return list(_unbounded(request, request.name, ()))


def _unbounded(message: Descriptor, path: str, above: tuple[Descriptor, ...]) -> list[str]:
    found = []
    for field in message.fields:
        where = f"{path}.{field.name}"
        inner = field.message_type
        if inner is not None and not field.is_repeated and inner not in above:
            if not inner.full_name.startswith(_PREFIX_MESSAGES):
                found += _unbounded(inner, where, (*above, message))
        elif inner is not None and field.is_repeated and _rules(field).repeated.max_items:
            found += _unbounded(inner, f"{where}[]", (*above, message))
        elif _field_bytes(field, (*above, message)) is None:
            found.append(where)
    return found


def _message_bytes(message: Descriptor, above: tuple[Descriptor, ...]) -> int | None:
    if message.full_name.startswith(_PREFIX_MESSAGES):
        return _WELL_KNOWN
    if message in above:
        return None
    total = 0
    for field in message.fields:
        size = _field_bytes(field, (*above, message))
        if size is None:
            return None
        total += size
    return total


def _field_bytes(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> int | None:
    rules = _rules(field)
    times = 1
    if field.is_repeated:
        times = rules.repeated.max_items or rules.map.max_pairs
        if not times:
            return None
        rules = rules.repeated.items
    if field.message_type is not None:
        each = _message_bytes(field.message_type, above)
    elif field.type == FieldDescriptor.TYPE_STRING:
        each = _string_bytes(rules.string)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        each = _first(rules.bytes, ("len", "max_len"))
    else:
        each = _NUMBER
    return None if each is None else times * (_TAG + each)


def _string_bytes(rules: validate_pb2.StringRules) -> int | None:
    characters = 36 if rules.uuid else _first(rules, ("len", "max_len"))
    if characters is not None:
        return characters * _UTF8
    return _first(rules, ("len_bytes", "max_bytes"))


def _first(
    rules: validate_pb2.StringRules | validate_pb2.BytesRules, names: tuple[str, ...]
) -> int | None:
    """Return the value of the first rule in `names` that is set, or None if no rule in `names` is set."""
    stated = {field.name: value for field, value in rules.ListFields()}
    return next((int(stated[name]) for name in names if name in stated), None)


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]
