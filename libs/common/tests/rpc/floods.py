"""Parse and validate the most expensive requests of one megabyte for every RPC, and report the cost.

This module runs as a program, so that the test can limit its processor time and read its peak memory.
"""

from __future__ import annotations

import json
import random
import resource
from collections.abc import Iterator
from typing import Any, cast

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.admission import Admission
from proctorium_common.rpc.calls import ServerCall, ServerCalls
from proctorium_common.rpc.methods import Method, methods_of
from proctorium_common.rpc.validation import RequestRules
from proctorium_common.security.keys import KeyRing
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLog
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import NOT_TRACING
from proctorium_devstack.testing.contracts import all_methods

MIB = 1024 * 1024
_VARINT, _BYTES, _GROUP = 0, 2, 3
_TEXTS = ("\0", "a", "\u202e", "\U000e0041", "考")


def bodies(request: Descriptor, size: int) -> Iterator[bytes]:
    """Yield encoded requests of about `size` bytes that are expensive to parse or validate."""
    yield _tag(200_000, _VARINT) + b"\0" * (size - 4)
    yield (_tag(200_000, _VARINT) + b"\0") * (size // 4)
    yield (_tag(200_000, _BYTES) + b"\0") * (size // 4)
    yield _tag(1, _GROUP) * size
    yield random.Random(6).randbytes(size)
    for before, field in _fields(request, ()):
        yield from (_within(before, body) for body in _fillings(field, size - 8 * len(before)))


def _fields(
    message: Descriptor, before: tuple[FieldDescriptor, ...]
) -> Iterator[tuple[tuple[FieldDescriptor, ...], FieldDescriptor]]:
    for field in message.fields:
        yield before, field
        if field.message_type is not None and len(before) < 4:
            yield from _fields(field.message_type, (*before, field))


def _fillings(field: FieldDescriptor, size: int) -> Iterator[bytes]:
    if field.type == FieldDescriptor.TYPE_STRING:
        if field.is_repeated:
            yield from _repeated(_tag(field.number, _BYTES), size, (b"", b"a", b"\0"))
        else:
            for text in _TEXTS:
                encoded = text.encode()
                yield _delimited(field.number, encoded * (size // len(encoded)))
    elif field.message_type is not None:
        # A message with an unknown field has only two more bytes than an empty message, but needs more memory.
        yield from _repeated(_tag(field.number, _BYTES), size, (b"", _tag(15, _VARINT) + b"\0"))
    elif field.is_repeated:
        yield _delimited(field.number, b"\0" * size)
        yield (_tag(field.number, _VARINT) + b"\x7f") * (size // 2)


def _repeated(tag: bytes, size: int, contents: tuple[bytes, ...]) -> Iterator[bytes]:
    for content in contents:
        element = tag + bytes([len(content)]) + content
        yield element * (size // len(element))


def _within(before: tuple[FieldDescriptor, ...], body: bytes) -> bytes:
    for field in reversed(before):
        body = _delimited(field.number, body)
    return body


def _delimited(number: int, content: bytes) -> bytes:
    return _tag(number, _BYTES) + _number(len(content)) + content


def _tag(number: int, kind: int) -> bytes:
    return _number(number << 3 | kind)


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _admission(rules: RequestRules) -> tuple[Admission, ServerCalls]:
    telemetry = Telemetry(NOT_TRACING, Metrics("floods"))
    calls = ServerCalls(telemetry, call_log=CallLog(), default_seconds=5)
    tokens = TokenVerifier(KeyRing.of())
    return Admission(tokens, rules, calls, peers=None, least_seconds=0), calls


class _Context:
    def time_remaining(self) -> float:
        return 5.0


def check_all() -> dict[str, int]:
    """Parse and validate every body for every method; return the numbers of accepted and of refused bodies."""
    admission, calls = _admission(RequestRules())
    counts = {"accepted": 0, "refused": 0}
    for descriptor in all_methods():
        method = methods_of(descriptor.containing_service.full_name, MIB)[descriptor.name]
        for size in {method.request_bytes, MIB}:
            for body in bodies(descriptor.input_type, size - 64):
                counts[_outcome(admission, _served(calls, method), body)] += 1
    return counts


def _served(calls: ServerCalls, method: Method) -> ServerCall:
    return calls.start(method, cast("grpc.aio.ServicerContext[Any, Any]", _Context()))


def _outcome(admission: Admission, served: ServerCall, body: bytes) -> str:
    try:
        admission.check(served, body)
    except ServiceError as refused:
        if refused.kind not in {Kind.INVALID, Kind.EXHAUSTED}:
            raise
        return "refused"
    return "accepted"


def main() -> None:
    """Check all bodies; print the number of each outcome, and the growth of the peak memory in bytes, as JSON."""
    all_methods()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = check_all()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({**counts, "grown": grown}))


if __name__ == "__main__":
    main()
