"""The echo service: the code that is generated from its proto at test time, and a servicer for tests."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from grpc_tools import protoc


def _generate() -> tuple[Any, Any]:
    with tempfile.TemporaryDirectory() as target:
        descriptors = files("proctorium") / "descriptors.binpb"
        code = protoc.main(
            [
                "protoc",
                f"--proto_path={Path(__file__).parent}",
                f"--descriptor_set_in={descriptors}",
                f"--python_out={target}",
                f"--grpc_python_out={target}",
                "echo.proto",
            ]
        )
        assert code == 0
        sys.path.insert(0, target)
        try:
            return importlib.import_module("echo_pb2"), importlib.import_module("echo_pb2_grpc")
        finally:
            sys.path.remove(target)


pb: Any
stubs: Any
pb, stubs = _generate()

Behavior = Callable[[Any, Any], Awaitable[Any]]


async def echo(request: Any, context: Any) -> Any:
    return pb.EchoResponse(text=request.text)


class EchoServicer(stubs.EchoServiceServicer):  # type: ignore[misc]  # generated at test time
    """Runs `behavior` in the unary methods and in Watch. The methods with streams of requests echo each request."""

    def __init__(self, behavior: Behavior = echo) -> None:
        self.behavior = behavior
        self.watchers_left = 0

    async def Echo(self, request: Any, context: Any) -> Any:
        return await self.behavior(request, context)

    Change = Small = AsAnybody = AsProctor = AsService = Echo

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            yield pb.EchoResponse(text="first")
            while request.text == "flood":
                yield pb.EchoResponse(text="x" * 100_000)
            response = await self.behavior(request, context)
            yield response
        finally:
            self.watchers_left += 1

    async def Gather(self, requests: AsyncIterator[Any], context: Any) -> Any:
        return pb.EchoResponse(text="".join([request.text async for request in requests]))

    async def Talk(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield pb.EchoResponse(text=request.text)
