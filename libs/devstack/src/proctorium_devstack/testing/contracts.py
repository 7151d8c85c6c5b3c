"""All methods of all services' contracts, for tests of properties that every method must have."""

from __future__ import annotations

import importlib
from functools import cache

from google.protobuf.descriptor import MethodDescriptor

from proctorium_common.descriptors import descriptor_set


@cache
def all_methods() -> tuple[MethodDescriptor, ...]:
    """Return the methods of all services, sorted by full name."""
    methods = []
    for file in descriptor_set().file:
        if not file.package.startswith("proctorium.") or not file.service:
            continue
        module = importlib.import_module(
            file.name.removesuffix(".proto").replace("/", ".") + "_pb2"
        )
        for service in module.DESCRIPTOR.services_by_name.values():
            methods += service.methods
    return tuple(sorted(methods, key=lambda method: method.full_name))


def owner_of(method: MethodDescriptor) -> str:
    """Return the name of the service that owns `method`: the second component of its package."""
    return str(method.containing_service.file.package).split(".")[1]


def path_of(method: MethodDescriptor) -> str:
    """Return the HTTP/2 path of a method, as /package.Service/Method."""
    return f"/{method.containing_service.full_name}/{method.name}"
