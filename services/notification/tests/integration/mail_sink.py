"""A real SMTP server whose every step the test decides: it can wait, refuse, or hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

Step = Callable[[str, str], Awaitable[str | None]]
"""Called with the step (EHLO, MAIL, RCPT, DATA, MESSAGE, ANSWER) and the recipient where it is known; what it answers is said instead of 250."""


async def _go_on(step: str, recipient: str) -> None:
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
        answer = await self._sink.step("DATA", self._recipient())
        if answer is not None:
            await self.push(answer)
            return
        await super().smtp_DATA(arg)

    def _recipient(self) -> str:
        return self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else ""


@dataclass
class MailSink:
    """Takes mails on one port, and keeps what it took."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    step: Step = _go_on
    port: int = 0
    connections: int = 0
    open: set[SMTP] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens; on the port of before when it was stopped."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Server(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuses connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def hang_up(self) -> None:
        """Closes every open connection without a word."""
        for server in list(self.open):
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()

    def mails_to(self, address: str) -> list[EmailMessage]:
        """What was taken for this address, in order."""
        return [
            message_from_bytes(content, policy=policy.default)
            for to, content in self.taken
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
        answer = await self.step("EHLO", "")
        session.host_name = hostname
        return [answer] if answer else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self.step("MAIL", "")
        if answer:
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self.step("RCPT", address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        content = envelope.content
        assert isinstance(content, bytes)
        answer = await self.step("MESSAGE", recipient)
        if answer and not answer.startswith("250"):
            return answer
        self.taken.append((recipient, content))
        return answer or await self.step("ANSWER", recipient) or "250 taken"
