"""Tables for `json_check.lua`, from the protos' descriptors, of what JSON for our methods may contain.

The transcoder of the edge drops fields that it does not know, so the edge checks names, repetitions and enum values
before it.
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

MOST_STEPS = 100_000
"""Names, values and escaped quotes in one request. A request of one MiB that is no attack has fewer."""

_WELL_KNOWN = "google.protobuf."
# Their JSON is a single value, or anything at all.
_SINGLE = frozenset(
    _WELL_KNOWN + name
    for name in (
        *("Timestamp", "Duration", "FieldMask"),
        *("DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value"),
        *("BoolValue", "StringValue", "BytesValue"),
    )
)
_ANYTHING = frozenset(_WELL_KNOWN + name for name in ("Any", "Struct", "Value", "ListValue"))


def tables(descriptors: FileDescriptorSet, services: Iterable[str]) -> str:
    """Return Lua that sets METHODS, MESSAGES and ENUMS for the gRPC services of these full names."""
    return _Tables(descriptors).written(frozenset(services))


class _Tables:
    """Writes the tables for all types that the requests of some services use."""

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

    def written(self, services: frozenset[str]) -> str:
        methods = dict(self._methods(services))
        reached = self._reached(method.input_type.lstrip(".") for method in methods.values())
        enums = {
            field.type_name.lstrip(".")
            for name in reached
            for field in self._messages[name].field
            if field.type == FieldDescriptorProto.TYPE_ENUM
        }
        lines = [
            f"local MOST_STEPS = {MOST_STEPS}",
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
                message=method.input_type.lstrip("."), many=method.client_streaming or None
            )
            lines.append(f"METHODS[{_text(path)}] = {request}")
        for name in sorted(enums):
            values = ", ".join(f"{value.name} = true" for value in self._enums[name].value)
            lines.append(f"ENUMS[{_text(name)}] = {{ {values} }}")
        for name in sorted(reached):
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

    def _reached(self, names: Iterable[str]) -> set[str]:
        """Return the messages of these names, and those that their fields hold."""
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached and name not in _SINGLE | _ANYTHING:
                reached.add(name)
                waiting += [
                    field.type_name.lstrip(".")
                    for field in self._messages[name].field
                    if field.type == FieldDescriptorProto.TYPE_MESSAGE
                ]
        return reached

    def _field(self, message: DescriptorProto, field: FieldDescriptorProto) -> str:
        kind = field.type_name.lstrip(".")
        held = self._messages.get(kind)
        is_map = held is not None and held.options.map_entry
        one = None
        if field.HasField("oneof_index") and not field.proto3_optional:
            one = message.oneof_decl[field.oneof_index].name
        of = held.field[1] if held is not None and is_map else field
        return _lua(
            name=field.name,
            json=field.json_name,
            map=is_map or None,
            many=(field.label == FieldDescriptorProto.LABEL_REPEATED and not is_map) or None,
            one=one,
            **self._type(of),
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
    """Return a table; what is None is left out."""
    written = [
        f"{name} = {_text(value) if isinstance(value, str) else str(value).lower()}"
        for name, value in values.items()
        if value is not None
    ]
    return f"{{ {', '.join(written)} }}"


def _text(value: str) -> str:
    return json.dumps(value)
