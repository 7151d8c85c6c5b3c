"""Generate Lua tables that define the JSON that each method accepts. `json_check.lua` uses the tables.

Envoy's transcoder drops unknown fields. Therefore, before the transcoder runs, the edge checks the JSON for unknown
field names, repeated field names and unknown enum values. The tables are generated from the protos' descriptors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

MAX_STEPS = 100_000
"""The largest number of names, values and escaped quotes in a request. A legitimate request of 1 MiB has fewer."""

_WELL_KNOWN = "google.protobuf."
# The full names of the messages whose JSON form is a single value instead of an object.
_SINGLE = frozenset(
    _WELL_KNOWN + name
    for name in (
        *("Timestamp", "Duration", "FieldMask"),
        *("DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value"),
        *("BoolValue", "StringValue", "BytesValue"),
    )
)
# The full names of the messages whose JSON form may be any value.
_ANYTHING = frozenset(_WELL_KNOWN + name for name in ("Any", "Struct", "Value", "ListValue"))


def tables(descriptors: FileDescriptorSet, services: Iterable[str]) -> str:
    """Return Lua code that sets the tables METHODS, MESSAGES and ENUMS. `services` are full names of gRPC services."""
    return _Tables(descriptors).render(frozenset(services))


class _Tables:
    """A generator of the Lua tables. The tables contain all types that occur in requests to the given services."""

    def __init__(self, descriptors: FileDescriptorSet) -> None:
        self._descriptors = descriptors
        self._messages = {
            name: message
            for file in descriptors.file
            for name, message in _messages(file.package, file.message_type)
        }
        self._enums: Mapping[str, EnumDescriptorProto] = {
            **{
                f"{file.package}.{enum.name}": enum
                for file in descriptors.file
                for enum in file.enum_type
            },
            **{
                f"{name}.{enum.name}": enum
                for name, message in self._messages.items()
                for enum in message.enum_type
            },
        }

    def render(self, services: frozenset[str]) -> str:
        methods = dict(self._methods(services))
        reachable = self._reachable(method.input_type.lstrip(".") for method in methods.values())
        enums = {
            field.type_name.lstrip(".")
            for name in reachable
            for field in self._messages[name].field
            if field.type == FieldDescriptorProto.TYPE_ENUM
        }
        lines = [
            f"local MAX_STEPS = {MAX_STEPS}",
            "local METHODS, MESSAGES, ENUMS = {}, {}, {}",
            "local function message(name, fields)",
            "  local named = {}",
            "  for _, field in ipairs(fields) do",
            "    named[field.name], named[field.json] = field, field",
            "  end",
            "  MESSAGES[name] = named",
            "end",
        ]
        for path, method in sorted(methods.items()):
            request = _lua(
                message=method.input_type.lstrip("."), streaming=method.client_streaming or None
            )
            lines.append(f"METHODS[{_text(path)}] = {request}")
        for name in sorted(enums):
            values = ", ".join(f"{value.name} = true" for value in self._enums[name].value)
            lines.append(f"ENUMS[{_text(name)}] = {{ {values} }}")
        for name in sorted(reachable):
            message = self._messages[name]
            fields = ", ".join(self._field(message, field) for field in message.field)
            lines.append(f"message({_text(name)}, {{ {fields} }})")
        return "\n".join(lines) + "\n"

    def _methods(self, services: frozenset[str]) -> Iterator[tuple[str, MethodDescriptorProto]]:
        for file in self._descriptors.file:
            for service in file.service:
                name = f"{file.package}.{service.name}"
                if name in services:
                    for method in service.method:
                        yield f"/{name}/{method.name}", method

    def _reachable(self, names: Iterable[str]) -> set[str]:
        """Return the given message names and, recursively, the names of all messages in fields of these messages."""
        reachable: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reachable and name not in _SINGLE | _ANYTHING:
                reachable.add(name)
                waiting += [
                    field.type_name.lstrip(".")
                    for field in self._messages[name].field
                    if field.type == FieldDescriptorProto.TYPE_MESSAGE
                ]
        return reachable

    def _field(self, message: DescriptorProto, field: FieldDescriptorProto) -> str:
        message_type = self._messages.get(field.type_name.lstrip("."))
        is_map = message_type is not None and message_type.options.map_entry
        oneof = None
        if field.HasField("oneof_index") and not field.proto3_optional:
            oneof = message.oneof_decl[field.oneof_index].name
        value = message_type.field[1] if message_type is not None and is_map else field
        return _lua(
            name=field.name,
            json=field.json_name,
            map=is_map or None,
            repeated=(field.label == FieldDescriptorProto.LABEL_REPEATED and not is_map) or None,
            oneof=oneof,
            **self._type(value),
        )

    @staticmethod
    def _type(field: FieldDescriptorProto) -> dict[str, str | bool | None]:
        name = field.type_name.lstrip(".")
        if field.type == FieldDescriptorProto.TYPE_ENUM:
            return {"enum": name}
        if field.type != FieldDescriptorProto.TYPE_MESSAGE or name in _SINGLE:
            return {}
        return {"any": True} if name in _ANYTHING else {"message": name}


def _messages(
    scope: str, messages: Iterable[DescriptorProto]
) -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:
        name = f"{scope}.{message.name}"
        yield name, message
        yield from _messages(name, message.nested_type)


def _lua(**values: str | bool | None) -> str:
    """Return the source text of a Lua table with all values that are not None."""
    entries = [
        f"{name} = {_text(value) if isinstance(value, str) else str(value).lower()}"
        for name, value in values.items()
        if value is not None
    ]
    return f"{{ {', '.join(entries)} }}"


def _text(value: str) -> str:
    return json.dumps(value)
