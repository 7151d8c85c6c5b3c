"""The methods of a server. The access rule, the maximum size and the id fields of a method come from the protos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from proctorium_common.rpc.access import AccessRule, rule_of
from proctorium_common.rpc.sizes import request_bytes
from proctorium_common.telemetry.traces import id_fields

# The type is in quotes, because gRPC's classes are generic only in the type stubs, and not at runtime.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Servicer = TypeVar("Servicer")
AddToServer = Callable[[Servicer, grpc.aio.Server], None]
"""A generated function `add_<Service>Servicer_to_server`."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method with its full name ("/package.Service/Method"), access rule and request type.

    `request_bytes` is the size of the largest request that the method accepts. `ids` are the names of the request
    fields that are recorded in spans and log lines. `attributes` are set on each span of a call of the method.
    """

    name: str
    rule: AccessRule
    request: type[Message]
    request_bytes: int
    ids: tuple[str, ...]
    streams_responses: bool
    attributes: Mapping[str, str]


def service_descriptor(service: str) -> ServiceDescriptor:
    """Return the descriptor of the gRPC service with the full name `service`.

    The generated module of the gRPC service must have been imported.
    """
    return descriptor_pool.Default().FindServiceByName(service)


def methods_of(service: str, server_bytes: int) -> dict[str, Method]:
    """Return the methods of the gRPC service with the full name `service`, by the simple names of the methods.

    `server_bytes` is the message size limit of the server. Raises MissingAccessRuleError if a method has no access
    rule.
    """
    return {
        method.name: Method(
            name=f"/{service}/{method.name}",
            rule=rule_of(method),
            request=message_factory.GetMessageClass(method.input_type),
            request_bytes=request_bytes(method.input_type, server_bytes),
            ids=id_fields(method.input_type),
            streams_responses=method.server_streaming,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method.name},
        )
        for method in service_descriptor(service).methods
    }


def is_free_of_side_effects(options: Any) -> bool:
    """Return whether `options` declare that the method has no side effects, and can therefore be retried safely."""
    return bool(options.idempotency_level == options.NO_SIDE_EFFECTS)


Metadata: TypeAlias = "Sequence[tuple[str, str]]"

_received: ContextVar[Metadata] = ContextVar("proctorium_metadata", default=())


def received_metadata() -> Metadata:
    """Return the metadata that the client sent with the current call."""
    return _received.get()


class WrappedMethods(grpc.GenericRpcHandler):
    """Finds the handler of a method by its full name, and stores the call's metadata for `received_metadata`.

    When gRPC calls `service`, it has already converted the metadata to Python objects. `context.invocation_metadata()`
    would convert the metadata again. The second conversion would take a tenth of the time of an empty call.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of the called method, or None for an unknown method."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is not None:
            _received.set(cast(Metadata, handler_call_details.invocation_metadata))
        return handler


class HandlerCollector:
    """Collects the handlers that generated code registers. Pass the collector to the generated code as the server."""

    def __init__(self) -> None:
        self.handlers: dict[str, Mapping[str, Handler]] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing, because `add_registered_method_handlers` receives the same handlers."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        """Store the handlers of one service."""
        self.handlers[service_name] = method_handlers
