"""A gRPC channel to the edge. It sends a person's token and the trace context. A failed call raises a ServiceError."""

from __future__ import annotations

from typing import Protocol

import grpc

from proctorium.client.channel import Call, Metadata
from proctorium.client.channel import Channel as ClientChannel
from proctorium_common.rpc.client import keep_status
from proctorium_common.rpc.status import error_of
from proctorium_common.telemetry.traces import inject


class Channel(Protocol):
    """A channel for generated stubs. `EdgeChannel` uses gRPC. The end-to-end tests have a channel that uses gRPC-Web.

    `token` is sent with every call. The caller may replace the token between calls.
    """

    token: str | None

    async def close(self) -> None:
        """Close the connections."""


class EdgeChannel(ClientChannel):
    """A `Channel` over gRPC that raises a ServiceError with the server's reason if a call fails.

    Unlike `proctorium.client.Client`, it neither retries calls nor renews the token. `address` is the edge's
    `host:port`. Without a `token`, calls are anonymous.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        super().__init__(grpc.aio.insecure_channel(address))
        self.token = token

    async def ready(self) -> None:
        """Wait until the edge is connected. After a failed connection, gRPC waits before it connects again."""
        await self._channel.channel_ready()

    async def metadata(self) -> Metadata:
        """Return the metadata for a call: the token and the trace context."""
        headers: dict[str, str] = {}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        inject(headers)
        return tuple(headers.items())

    def error(self, failed: grpc.aio.AioRpcError) -> Exception:
        """Return the error of the service."""
        return error_of(failed)

    def opened(self, call: Call) -> Call:
        """Return the call, which ends with the status from the server."""
        return keep_status(call)
