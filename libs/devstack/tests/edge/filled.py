"""Create a request for each gRPC method. The request has values in all fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from proctorium_common.descriptors import descriptor_set

_MAX_DEPTH = 4
_SINGLE: dict[str, dict[str, Any]] = {
    "google.protobuf.Timestamp": {"seconds": 1},
    "google.protobuf.Duration": {"seconds": 1},
    "google.protobuf.FieldMask": {"paths": ["a"]},
}


@dataclass(frozen=True)
class Method:
    """A gRPC method of Proctorium."""

    path: str
    request: Descriptor
    request_streaming: bool
    response_streaming: bool

    @property
    def service(self) -> str:
        """The name of the service that owns the method, such as `session`."""
        return self.path.split(".")[1]

    def filled(self) -> Message:
        """Return a request with all fields set. In each oneof, only the first field is set."""
        return _filled(self.request, 0)


def methods() -> list[Method]:
    """Return all gRPC methods of Proctorium."""
    pool = DescriptorPool()
    files = descriptor_set().file
    for file in files:
        pool.Add(file)
    return [
        Method(
            f"/{file.package}.{service.name}/{method.name}",
            pool.FindMessageTypeByName(method.input_type.lstrip(".")),
            method.client_streaming,
            method.server_streaming,
        )
        for file in files
        for service in file.service
        for method in service.method
    ]


def as_json(message: Message, *, proto_names: bool = False) -> dict[str, Any]:
    """Return the JSON form of a message as a dictionary."""
    return json_format.MessageToDict(message, preserving_proto_field_name=proto_names)


def read(method: Method, received: bytes) -> Message:
    """Parse the bytes of a request that a service has received, and return the request."""
    request: Message = message_factory.GetMessageClass(method.request)()
    request.ParseFromString(received)
    return request


def objects(
    message: Descriptor, value: dict[str, Any], path: str = ""
) -> Iterator[tuple[str, Descriptor, dict[str, Any]]]:
    """Yield the path, type and JSON of a message and, recursively, of the messages in its fields.

    A path consists of field names as they are written in the proto.
    """
    yield path, message, value
    for field in message.fields:
        inner = field.message_type
        if inner is None or field.json_name not in value or not _is_plain(inner):
            continue
        values = value[field.json_name]
        name = f"{path}.{field.name}" if path else field.name
        if field.is_repeated:
            yield from objects(inner, values[0], f"{name}[0]")
        else:
            yield from objects(inner, values, name)


def _is_plain(message: Descriptor) -> bool:
    """Return whether the JSON form of a message of this type is an object whose keys are the names of the fields."""
    return (
        not message.full_name.startswith("google.protobuf.") and not message.GetOptions().map_entry
    )


def _filled(descriptor: Descriptor, depth: int) -> Message:
    message: Message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        oneof = field.containing_oneof
        if oneof is not None and oneof.fields[0] is not field:
            continue
        if field.message_type is not None and depth >= _MAX_DEPTH:
            continue
        _fill(message, field, depth)
    return message


def _fill(message: Message, field: FieldDescriptor, depth: int) -> None:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        getattr(message, field.name)["key"] = _single(inner.fields_by_name["value"])
    elif field.is_repeated:
        values = getattr(message, field.name)
        if inner is None:
            values.append(_single(field))
        else:
            values.add().CopyFrom(_filled_message(inner, depth))
    elif inner is None:
        setattr(message, field.name, _single(field))
    else:
        getattr(message, field.name).CopyFrom(_filled_message(inner, depth))


def _filled_message(descriptor: Descriptor, depth: int) -> Message:
    if descriptor.full_name in _SINGLE:
        message: Message = message_factory.GetMessageClass(descriptor)(
            **_SINGLE[descriptor.full_name]
        )
        return message
    return _filled(descriptor, depth + 1)


def _single(field: FieldDescriptor) -> object:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return b'\xff"' if field.type == FieldDescriptor.TYPE_BYTES else 'é"\\\n'
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_ENUM:
            assert field.enum_type is not None
            return field.enum_type.values[-1].number
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return 1.5
        case _:
            return 7
