"""Sending mails to a mail server step by step, so that the caller knows at each step what the server has (RFC 5321).

Until `hand_over`, the server has nothing of the message, and every failure is UnreachableError, RejectedError or
SlowDestinationError. From then on, a failure without a response is NoResponseError: the server may have accepted the
message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPReadTimeoutError, SMTPResponseException

from proctorium_notification.rendering.mail import Mail

_SHUTTING_DOWN = 421
_REJECTIONS = range(400, 600)
_PERMANENT_REJECTIONS = range(500, 600)
_QUIT_TIMEOUT = 2.0
"""Seconds to wait for the response to QUIT, which nothing depends on."""


class UnreachableError(Exception):
    """The mail server accepts no mail at the moment, for a reason that is not this message's."""


class RejectedError(Exception):
    """The mail server rejected this message: permanently (5xx) or for now (4xx)."""

    def __init__(self, code: int, response: str) -> None:
        super().__init__(f"{code} {response}")
        self.permanent = code in _PERMANENT_REJECTIONS


class SlowDestinationError(Exception):
    """The mail server did not respond to the recipient's address in time; the message was not handed over."""


class NoResponseError(Exception):
    """The message was handed over, and no valid response followed."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The address of a mail server, and how to connect to it."""

    host: str
    port: int
    tls: bool = False
    start_tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """Return the server of a URL: `smtp://` (plain), `smtp+starttls://` (TLS is required) or `smtps://`.

        `user:password@host:port` follows. Raises ValueError, without the URL, for any other text, and for a password
        that would be sent unencrypted.
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


class SmtpClient:
    """A client of one mail server. `timeout` is in seconds for each command, `data_timeout` for the message."""

    def __init__(
        self, server: MailServer, *, timeout: float = 20, data_timeout: float = 60
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._data_timeout = data_timeout

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[SmtpConnection]:
        """Connect and authenticate; close the connection when the block ends. Raises UnreachableError."""
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
        except (SMTPException, OSError) as error:
            client.close()
            raise UnreachableError(_describe(error)) from error
        try:
            connection = SmtpConnection(client, self._data_timeout)
            yield connection
            if connection.usable:
                await _quit(client)
        finally:
            client.close()


class SmtpConnection:
    """An open connection to a mail server, for one message after another.

    It is not `usable` again, not even for QUIT, once the server has not given a valid SMTP response.
    """

    def __init__(self, client: SMTP, data_timeout: float) -> None:
        self.usable = True
        self._client = client
        self._data_timeout = data_timeout

    async def send_addresses(self, mail: Mail, rcpt_timeout: float | None = None) -> None:
        """Send the addresses of the sender and the recipient, and nothing of the message.

        Raises RejectedError, UnreachableError, and SlowDestinationError if the response to the recipient's address
        takes longer than `rcpt_timeout` seconds.
        """
        if mail.needs_utf8 and not self._client.supports_extension("smtputf8"):
            raise RejectedError(550, "the mail server does not support non-ASCII addresses")
        # Headers in UTF-8 are 8-bit content (RFC 6531, section 3.1); all other mails are 7-bit.
        options = ["SMTPUTF8", "BODY=8BITMIME"] if mail.needs_utf8 else []
        encoding = "utf-8" if mail.needs_utf8 else "ascii"
        try:
            await self._client.mail(mail.sender, options=options, encoding=encoding)
        except (SMTPException, OSError) as error:
            # All mails have this sender: a rejection is not about this message.
            raise UnreachableError(_describe(error)) from error
        try:
            await self._client.rcpt(
                mail.recipient,
                encoding=encoding,
                timeout=self._client.timeout if rcpt_timeout is None else rcpt_timeout,
            )
        except SMTPResponseException as response:
            # After an invalid response, the next one may not belong to the next command.
            self.usable = response.code in _REJECTIONS
            if response.code == _SHUTTING_DOWN:
                raise UnreachableError(_describe(response)) from response
            raise RejectedError(response.code, response.message) from response
        except SMTPReadTimeoutError as error:
            timed_out = UnreachableError if rcpt_timeout is None else SlowDestinationError
            raise timed_out(_describe(error)) from error
        except (SMTPException, OSError) as error:
            raise UnreachableError(_describe(error)) from error

    async def hand_over(self, mail: Mail) -> None:
        """Hand the message over; the server has accepted it on return. Raises RejectedError, NoResponseError."""
        try:
            await self._client.data(mail.content, timeout=self._data_timeout)
        except SMTPResponseException as response:
            if response.code in _REJECTIONS:
                raise RejectedError(response.code, response.message) from response
            # Neither accepted nor rejected: the server may have accepted it.
            self.usable = False
            raise NoResponseError(_describe(response)) from response
        except (SMTPException, OSError) as error:
            self.usable = False
            raise NoResponseError(_describe(error)) from error

    async def reset(self) -> None:
        """Discard the addresses that were sent, if the connection is usable. Raises UnreachableError."""
        if not self.usable:
            return
        try:
            await self._client.rset()
        except (SMTPException, OSError) as error:
            raise UnreachableError(_describe(error)) from error


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


async def _quit(client: SMTP) -> None:
    """Send QUIT if possible; its failure changes nothing, because the mails were sent before."""
    with suppress(SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=_QUIT_TIMEOUT)
