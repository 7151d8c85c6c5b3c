"""The methods of a server: what the proto says of each, read once before the first call."""

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

# Quoted, because gRPC's classes are generic in their types only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Servicer = TypeVar("Servicer")
AddToServer = Callable[[Servicer, grpc.aio.Server], None]
"""The generated `add_<Service>Servicer_to_server`."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its full name ("/package.Service/Method"), access rule, request rules, and the ids for spans and logs.

    `request_bytes` is the size of the largest request that it accepts.
    """

    name: str
    rule: AccessRule
    request: type[Message]
    request_bytes: int
    ids: tuple[str, ...]
    answers_many: bool
    attributes: Mapping[str, str]


def service_descriptor(service: str) -> ServiceDescriptor:
    """Return the descriptor of a service by its full name; its generated module must have been imported."""
    return descriptor_pool.Default().FindServiceByName(service)


def methods_of(service: str, server_bytes: int) -> dict[str, Method]:
    """Return the methods of `service` by their simple names; its server accepts messages of `server_bytes`.

    Raises MissingAccessRuleError when one does not say who may call it.
    """
    return {
        method.name: Method(
            name=f"/{service}/{method.name}",
            rule=rule_of(method),
            request=message_factory.GetMessageClass(method.input_type),
            request_bytes=request_bytes(method.input_type, server_bytes),
            ids=id_fields(method.input_type),
            answers_many=method.server_streaming,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method.name},
        )
        for method in service_descriptor(service).methods
    }


def is_free_of_side_effects(options: Any) -> bool:
    """Return whether a method's proto says that calling it changes nothing, so that calling it again is safe."""
    return bool(options.idempotency_level == options.NO_SIDE_EFFECTS)


Metadata: TypeAlias = "Sequence[tuple[str, str]]"

_arrived: ContextVar[Metadata] = ContextVar("proctorium_metadata", default=())


def arrived_metadata() -> Metadata:
    """Return the metadata of the call that this task answers, as they arrived."""
    return _arrived.get()


class WrappedMethods(grpc.GenericRpcHandler):
    """Finds the handler of a method by its full name, and keeps the call's metadata.

    gRPC has just made Python objects of the metadata when it asks here, in the task of the call;
    `context.invocation_metadata()` would make them all again, at a tenth of the cost of an empty call.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler, or None for a method that is not ours."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is not None:
            _arrived.set(cast(Metadata, handler_call_details.invocation_metadata))
        return handler


class HandlerCollector:
    """Stands where the generated code wants a server, and keeps the handlers that it would have registered there."""

    def __init__(self) -> None:
        self.handlers: dict[str, Mapping[str, Handler]] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: the next call passes the same handlers by service."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        """Keep the handlers of one service."""
        self.handlers[service_name] = method_handlers
