"""Pull messages from a durable consumer as they arrive, up to the subscriber's limit of unacknowledged messages.

The method `fetch` of the client library waits until a batch is full or a timeout is over. This wait would delay every
event, so this module sends the JetStream pull requests itself
(https://docs.nats.io/reference/reference-protocols/nats_api_reference).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NotJSMessageError

from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_NEXT = "$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
_EXPIRES_SECONDS = 30.0
_HEARTBEAT_SECONDS = 5.0
_HEARTBEAT_TIMEOUT = 2.5 * _HEARTBEAT_SECONDS
_NANOSECONDS = 1_000_000_000

_STATUS, _DESCRIPTION, _PENDING = "Status", "Description", "Nats-Pending-Messages"
_HEARTBEAT_STATUS = "100"
_REQUEST_ENDED = frozenset({"404", "408"})


class ConsumerLostError(Exception):
    """The consumer no longer responds. It was deleted, or the broker or the connection failed."""


class Pull:
    """Pulls the messages of one consumer.

    `on_message` is called with each message. `max_in_flight` is the maximum number of unacknowledged messages.
    `free_slots` returns how many more messages may be unacknowledged at the moment.
    """

    def __init__(
        self,
        client: Client,
        stream: str,
        consumer: str,
        *,
        max_in_flight: int,
        free_slots: Callable[[], int],
        on_message: Callable[[Msg], None],
    ) -> None:
        self._client = client
        self._consumer = (stream, consumer)
        self._subject = _NEXT.format(stream=stream, consumer=consumer)
        self._max_in_flight = max_in_flight
        self._free_slots = free_slots
        self._handle = on_message
        self._requested = 0
        self._failure = ""
        self._changed = asyncio.Event()
        self._received_at = 0.0
        self._stopping = False

    def wake(self) -> None:
        """Request further messages if there are free slots.

        The subscriber calls this method when it has responded to a message.
        """
        self._changed.set()

    def stop(self) -> None:
        """Stop pulling messages, so that `run` returns."""
        self._stopping = True
        self._changed.set()

    def fail(self, reason: str) -> None:
        """Make `run` raise ConsumerLostError."""
        self._failure = self._failure or reason
        self._changed.set()

    async def run(self) -> None:
        """Pull messages until `stop` is called. Raises ConsumerLostError."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=self._on_message)
        self._received_at = asyncio.get_running_loop().time()
        try:
            while not self._stopping:
                await self._request(inbox)
                await self._wait()
        finally:
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def _request(self, inbox: str) -> None:
        """Request as many messages as there are free slots for which no message has been requested yet.

        While a request is pending, another request is sent only if it asks for at least half of `max_in_flight`.
        """
        wanted = self._free_slots() - self._requested
        if wanted <= 0 or (self._requested > 0 and wanted < self._max_in_flight // 2):
            return
        request = {
            "batch": wanted,
            "expires": int(_EXPIRES_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        self._requested += wanted
        await self._client.publish(self._subject, json.dumps(request).encode(), inbox)

    async def _wait(self) -> None:
        """Wait until `run` has to act: a message arrived, a request ended, or `wake`, `stop` or `fail` was called.

        Raises ConsumerLostError after `fail`, or if heartbeats are missing while a request is pending.
        """
        loop = asyncio.get_running_loop()
        deadline = self._received_at + _HEARTBEAT_TIMEOUT if self._requested > 0 else None
        try:
            async with asyncio.timeout_at(deadline):
                await self._changed.wait()
        except TimeoutError:
            if self._received_at + _HEARTBEAT_TIMEOUT <= loop.time():
                raise ConsumerLostError("no heartbeat arrived") from None
        self._changed.clear()
        if self._requested == 0:
            # The broker sends heartbeats only while a request is pending, so the time without a request must not count.
            self._received_at = loop.time()
        if self._failure:
            raise ConsumerLostError(self._failure)

    async def _on_message(self, message: Msg) -> None:
        self._received_at = asyncio.get_running_loop().time()
        status = (message.headers or {}).get(_STATUS)
        if status is None:
            if not self._is_from_consumer(message):
                # The message comes from another client that has published to this inbox, so do not acknowledge it.
                _log.error("message_refused", subject=message.subject, reply=message.reply)
                return
            self._requested = max(0, self._requested - 1)
            self._handle(message)
            self._changed.set()
        elif status in _REQUEST_ENDED:
            pending = (message.headers or {}).get(_PENDING)
            self._requested = max(0, self._requested - int(pending)) if pending else 0
            self._changed.set()
        elif status != _HEARTBEAT_STATUS:
            self.fail(f"{status} {(message.headers or {}).get(_DESCRIPTION, '')}".strip())

    def _is_from_consumer(self, message: Msg) -> bool:
        """Return whether this consumer delivered the message.

        The acknowledgement subject of a message contains the name of the consumer. Only the server can set this
        subject.
        """
        try:
            metadata = message.metadata
        except (NotJSMessageError, ValueError):
            return False
        return (metadata.stream, metadata.consumer) == self._consumer
