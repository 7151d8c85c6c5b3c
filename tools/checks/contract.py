"""Read the protos: all events, the permitted calls between services, and the error reasons of each service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from google.protobuf.descriptor_pb2 import (
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from proctorium.options.v1 import options_pb2

_PREFIX = "proctorium."


@dataclass(frozen=True)
class Contract:
    """The data from the protos that checks compare with the code.

    `events` maps the full name of an event message to the owning service and the event's name "<aggregate>.<action>".
    `allowed` maps a service to the services that may call at least one of its methods. `reasons` maps a service to its
    error reasons without prefix. The entry `options` of `reasons` contains the reasons that all services share.
    """

    events: Mapping[str, tuple[str, str]]
    allowed: Mapping[str, frozenset[str]]
    reasons: Mapping[str, frozenset[str]]


def read_contract() -> Contract:
    """Return the contract of the generated package `proctorium`."""
    return contract_of(read_protos())


def read_protos() -> list[FileDescriptorProto]:
    """Return the descriptors of the project's own protos from the generated package `proctorium`."""
    descriptors = FileDescriptorSet.FromString(
        files("proctorium").joinpath("descriptors.binpb").read_bytes()
    )
    return [file for file in descriptors.file if file.package.startswith(_PREFIX)]


def contract_of(protos: Iterable[FileDescriptorProto]) -> Contract:
    """Return the contract of `protos`. The second component of a package name is the name of the owning service."""
    events: dict[str, tuple[str, str]] = {}
    allowed: dict[str, set[str]] = {}
    reasons: dict[str, set[str]] = {}
    for proto in protos:
        owner = proto.package.split(".")[1]
        for message in proto.message_type:
            if message.options.HasExtension(options_pb2.event):
                event = message.options.Extensions[options_pb2.event]
                events[f"{proto.package}.{message.name}"] = (
                    owner,
                    f"{event.aggregate}.{event.action}",
                )
        for service in proto.service:
            for method in service.method:
                access = method.options.Extensions[options_pb2.access]
                allowed.setdefault(owner, set()).update(access.services)
        for enum in proto.enum_type:
            if enum.name in ("Reason", "CommonReason"):
                reasons.setdefault(owner, set()).update(_reasons(enum))
    return Contract(
        events=events,
        allowed={owner: frozenset(callers) for owner, callers in allowed.items()},
        reasons={owner: frozenset(names) for owner, names in reasons.items()},
    )


def _reasons(enum: EnumDescriptorProto) -> Iterable[str]:
    prefix = "COMMON_REASON_" if enum.name == "CommonReason" else "REASON_"
    return (value.name.removeprefix(prefix) for value in enum.value if value.number != 0)
