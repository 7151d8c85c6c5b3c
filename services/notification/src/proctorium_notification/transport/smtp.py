"""Handing mails to a mail server, step by step, so that the caller knows at each step what the server has (RFC 5321).

Until `hand_over` the server has nothing of the message, and any failure is `UnreachableError` or `RejectedError`. From then on a failure without
an answer is `NoResponseError`: the server may have taken it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPReadTimeoutError, SMTPResponseException

from proctorium_notification.messages.mail import Mail

_SHUTTING_DOWN = 421
_REFUSALS = range(400, 600)
_PERMANENT = range(500, 600)
_GOODBYE = 2.0
"""Seconds to wait for the response to QUIT, which nothing depends on."""


class UnreachableError(Exception):
    """The mail server does not take anything from us now; this is not about one message."""


class RejectedError(Exception):
    """The mail server does not take this message: never (`permanent`), or not now."""

    def __init__(self, code: int, answer: str) -> None:
        super().__init__(f"{code} {answer}")
        self.permanent = code in _PERMANENT


class SlowDestinationError(Exception):
    """The mail server did not respond about a recipient in time; the message was not sent."""


class NoResponseError(Exception):
    """The message was handed over, and no answer came."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a mail server is and how it is spoken to."""

    host: str
    port: int
    tls: bool = False
    start_tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """`smtp://` (as it is), `smtp+starttls://` (encrypted or not at all) or `smtps://`, then `user:password@host:port`.

        Raises ValueError, without the URL, for anything else, and for a password that would go over the line unencrypted.
        """
        parts = urlsplit(url)
        schemes = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError("a mail server is smtp://, smtp+starttls:// or smtps:// with a host")
        if parts.scheme == "smtp" and parts.password:
            raise ValueError("a password needs smtp+starttls:// or smtps://")
        return cls(
            host=parts.hostname,
            port=parts.port or schemes[parts.scheme],
            tls=parts.scheme == "smtps",
            start_tls=parts.scheme == "smtp+starttls",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class Postbox:
    """Connects to one mail server. `timeout` is the seconds for each step, `data_timeout` for the message itself."""

    def __init__(
        self, server: MailServer, *, timeout: float = 20, data_timeout: float = 60
    ) -> None:
        self._server = server
        self._timeout = timeout
        self.data_timeout = data_timeout

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Line]:
        """A line to the server, greeted and signed in. Raises UnreachableError."""
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.start_tls,
            username=server.username,
            password=server.password,
            timeout=self._timeout,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (SMTPException, OSError) as failure:
            client.close()
            raise UnreachableError(_said(failure)) from failure
        try:
            line = Line(client, self.data_timeout)
            yield line
            if line.answers:
                await _leave(client)
        finally:
            client.close()


class Line:
    """An open connection to a mail server, for one message after another.

    It cannot be used again, not even for QUIT, once the server has not given a valid SMTP response (`answers` is False).
    """

    def __init__(self, client: SMTP, data_timeout: float) -> None:
        self.answers = True
        self._client = client
        self._data_timeout = data_timeout

    async def announce(self, mail: Mail, patience: float | None = None) -> None:
        """Send the sender's and the recipient's address, and nothing of the message yet. Raises RejectedError, UnreachableError.

        Raises SlowDestinationError if the server has not responded about the recipient within `patience` seconds.
        """
        if mail.needs_utf8 and not self._client.supports_extension("smtputf8"):
            raise RejectedError(550, "the mail server cannot reach an address with these letters")
        # Headers in UTF-8 are 8-bit content (RFC 6531, section 3.1); all other mails are 7-bit.
        options = ["SMTPUTF8", "BODY=8BITMIME"] if mail.needs_utf8 else []
        encoding = "utf-8" if mail.needs_utf8 else "ascii"
        try:
            await self._client.mail(mail.sender, options=options, encoding=encoding)
        except (SMTPException, OSError) as failure:
            # That our own sender is not accepted is never this message's fault.
            raise UnreachableError(_said(failure)) from failure
        try:
            await self._client.rcpt(
                mail.recipient,
                encoding=encoding,
                timeout=self._client.timeout if patience is None else patience,
            )
        except SMTPResponseException as answer:
            # After an invalid response, the next one may not belong to the next command.
            self.answers = answer.code in _REFUSALS
            raise _refused(answer) from answer
        except SMTPReadTimeoutError as failure:
            raise (SlowDestinationError if patience is not None else UnreachableError)(
                _said(failure)
            ) from failure
        except (SMTPException, OSError) as failure:
            raise UnreachableError(_said(failure)) from failure

    async def hand_over(self, mail: Mail) -> None:
        """Hands the message over; when it returns, the server took it. Raises RejectedError, NoResponseError."""
        try:
            await self._client.data(mail.content, timeout=self._data_timeout)
        except SMTPResponseException as answer:
            if answer.code in _REFUSALS:
                raise RejectedError(answer.code, answer.message) from answer
            # Neither accepted nor refused: the server may have accepted it.
            self.answers = False
            raise NoResponseError(_said(answer)) from answer
        except (SMTPException, OSError) as failure:
            self.answers = False
            raise NoResponseError(_said(failure)) from failure

    async def forget(self) -> None:
        """Withdraw what was announced, if the connection can be used again. Raises UnreachableError."""
        if not self.answers:
            return
        try:
            await self._client.rset()
        except (SMTPException, OSError) as failure:
            raise UnreachableError(_said(failure)) from failure


def _refused(answer: SMTPResponseException) -> RejectedError | UnreachableError:
    if answer.code == _SHUTTING_DOWN:
        return UnreachableError(_said(answer))
    return RejectedError(answer.code, answer.message)


def _said(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


async def _leave(client: SMTP) -> None:
    """Says goodbye where that is possible; what was sent was sent."""
    with suppress(SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=_GOODBYE)
