"""Check the documentation in the protos: field behaviours, comments, and the errors that comments of methods list.

`buf lint` requires a comment for every element. This module has three more requirements. Each comment must end like a
sentence. Each field of a request or resource must have a field behaviour. The reasons and gRPC codes of listed errors
must exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import grpc
import protovalidate
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    SourceCodeInfo,
)

_ERROR = re.compile(r"^ - ([A-Z_]+(?:, [A-Z_]+)*) \(([A-Z_]+)\): \S", re.MULTILINE)
_ERRORS = "Errors:\n"
BEHAVIOUR: Any = field_behavior_pb2.field_behavior  # stubs lack the extension type
_REQUIRED = field_behavior_pb2.REQUIRED
_COMMENTED = (
    FileDescriptorProto.PACKAGE_FIELD_NUMBER,
    FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER,
    FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER,
    FileDescriptorProto.SERVICE_FIELD_NUMBER,
    FileDescriptorProto.EXTENSION_FIELD_NUMBER,
)


def refused_when_empty(message: str) -> frozenset[str]:
    """Return the names of the fields that validation refuses if they are empty. `message` is the full message name."""
    descriptor = descriptor_pool.Default().FindMessageTypeByName(message)
    empty = message_factory.GetMessageClass(descriptor)()
    paths = (each.proto.field for each in protovalidate.collect_violations(empty))
    return frozenset(path.elements[0].field_name for path in paths if path and path.elements)


def check_behaviours(
    files: Iterable[FileDescriptorProto],
    refused: Callable[[str], frozenset[str]] = refused_when_empty,
) -> Iterator[str]:
    """Yield a finding for each field without a behaviour, or with a behaviour that contradicts the validation rules."""
    contract = [file for file in files if not file.package.endswith(".events.v1")]
    for file in contract:
        import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    messages = {
        f"{file.package}.{message.name}": message
        for file in contract
        for message in file.message_type
    }
    sent = _reachable(messages)
    for name, message in messages.items():
        if not name.startswith("proctorium.options.") and not name.endswith("Response"):
            yield from _check_message(name, message, refused(name) if name in sent else frozenset())


def _reachable(messages: Mapping[str, DescriptorProto]) -> frozenset[str]:
    """Return the names of all request messages and, recursively, of the messages in their fields."""
    found: set[str] = set()
    waiting = [name for name in messages if name.endswith("Request")]
    while waiting:
        name = waiting.pop()
        if name in messages and name not in found:
            found.add(name)
            waiting += (field.type_name.removeprefix(".") for field in messages[name].field)
    return frozenset(found)


def _check_message(name: str, message: DescriptorProto, refused: frozenset[str]) -> Iterator[str]:
    for field in message.field:
        stated = _behaviours(field)
        if not stated:
            yield f"{name}.{field.name} has no google.api.field_behavior: add REQUIRED, OPTIONAL or OUTPUT_ONLY."
        elif (_REQUIRED in stated) != (field.name in refused):
            rules = "refuse it" if field.name in refused else "allow it"
            yield f"{name}.{field.name}: the validation rules {rules} if it is empty; make REQUIRED agree with them."


def _behaviours(field: FieldDescriptorProto) -> list[int]:
    return list(field.options.Extensions[BEHAVIOUR])


def check_comments(files: Iterable[FileDescriptorProto]) -> Iterator[str]:
    """Yield a finding for each comment that does not end like a sentence."""
    for file in files:
        for place in file.source_code_info.location:
            comment = place.leading_comments.strip()
            if comment and place.path[0] in _COMMENTED and not comment.endswith("."):
                yield f"{_place(file, place)}: the comment must end as a sentence: {comment.splitlines()[-1].strip()}"


def check_errors(
    files: Iterable[FileDescriptorProto], reasons: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    """Yield a finding for each error in a comment that has a wrong form, an unknown reason or an unknown code.

    An error must have the form "- REASON (CODE): when.". `reasons` maps a service to its reasons without prefix. The
    entry `options` contains the reasons that all services share.
    """
    for file in files:
        known = reasons["options"] | reasons.get(file.package.split(".")[1], frozenset())
        for place in file.source_code_info.location:
            _, errors, listed = place.leading_comments.partition(_ERRORS)
            if not errors or place.path[0] != FileDescriptorProto.SERVICE_FIELD_NUMBER:
                continue
            found = _ERROR.findall(listed)
            if len(found) != listed.count("\n - ") + listed.startswith(" - "):
                yield f'{_place(file, place)}: write each error as "- REASON (CODE): when."'
            for names, code in found:
                if code not in grpc.StatusCode.__members__:
                    yield f"{_place(file, place)}: gRPC has no code {code}."
                for reason in names.split(", "):
                    if reason not in known:
                        yield f"{_place(file, place)}: no proto names the reason {reason}."


def _place(file: FileDescriptorProto, place: SourceCodeInfo.Location) -> str:
    return f"protos/{file.name}:{place.span[0] + 1}"
