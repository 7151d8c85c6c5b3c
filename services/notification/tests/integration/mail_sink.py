"""An SMTP server whose responses the test controls.

At every step, the test can delay the response, reject the mail or close the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

Step = Callable[[str, str], Awaitable[str | None]]
"""A callback that the server calls at each step.

The first argument is the step: EHLO, MAIL, RCPT, DATA, MESSAGE or RESPONSE. The second argument is the recipient, or an
empty text while the recipient is not known. The server sends the returned response, or 250 if the callback returns
None.
"""


async def accept(step: str, recipient: str) -> None:
    return None


class _Server(SMTP):
    def __init__(self, sink: MailSink) -> None:
        super().__init__(sink, hostname="sink.localhost", enable_SMTPUTF8=True)
        self._sink = sink

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sink.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sink.open.discard(self)
        super().connection_lost(error)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        response = await self._sink.step("DATA", self._recipient())
        if response is not None:
            await self.push(response)
            return
        await super().smtp_DATA(arg)

    def _recipient(self) -> str:
        return self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else ""


@dataclass
class MailSink:
    """A server that accepts mails on one port and stores them."""

    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    step: Step = accept
    port: int = 0
    connections: int = 0
    open: set[SMTP] = field(default_factory=set)
    _server: asyncio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator[MailSink]:
        """Run the server until the block ends."""
        sink = cls()
        await sink.start()
        try:
            yield sink
        finally:
            await sink.stop()

    @property
    def url(self) -> str:
        """The URL of the server, in the form that the settings of the service require."""
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start to listen. A server that is started again after `stop` uses the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Server(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, so that new connections are refused."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def disconnect(self) -> None:
        """Abort every open connection."""
        for server in list(self.open):
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Return the accepted mails to the address `address`, in the order in which they were accepted."""
        return [
            message_from_bytes(content, policy=policy.default)
            for to, content in self.accepted
            if to == address
        ]

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        self.connections += 1
        response = await self.step("EHLO", "")
        session.host_name = hostname
        return [response] if response else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        response = await self.step("MAIL", "")
        if response:
            return response
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        response = await self.step("RCPT", address)
        if response:
            return response
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        content = envelope.content
        assert isinstance(content, bytes)
        response = await self.step("MESSAGE", recipient)
        if response and not response.startswith("250"):
            return response
        self.accepted.append((recipient, content))
        return response or await self.step("RESPONSE", recipient) or "250 accepted"
