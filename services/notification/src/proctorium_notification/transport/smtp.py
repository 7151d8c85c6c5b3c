"""Sending mails to a mail server (RFC 5321).

A mail is sent in separate steps, so that the caller can store the state of the delivery between two steps. Before
`hand_over`, the server has received no part of the message, and every failure is an UnreachableError, a RejectedError
or a SlowDestinationError. If `hand_over` receives no valid response, the failure is a NoResponseError, because the
server may have accepted the message.
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
"""The maximum time in seconds to wait for the response to QUIT. It is short, because the response is not needed."""


class UnreachableError(Exception):
    """The mail server does not accept any mail now. The reason does not depend on the message."""


class RejectedError(Exception):
    """The mail server rejected the message, either permanently (5xx) or temporarily (4xx)."""

    def __init__(self, code: int, response: str) -> None:
        super().__init__(f"{code} {response}")
        self.permanent = code in _PERMANENT_REJECTIONS


class SlowDestinationError(Exception):
    """The mail server did not respond to the recipient's address in time. The message was not handed over."""


class NoResponseError(Exception):
    """The message was handed over, but no valid response was received."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The address of a mail server, and the encryption and the credentials of connections to it."""

    host: str
    port: int
    tls: bool = False
    start_tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """Return the mail server that a URL of the form `scheme://user:password@host:port` describes.

        The scheme is `smtp` (unencrypted), `smtp+starttls` (STARTTLS is required) or `smtps`. User, password and port
        are optional. Raises ValueError if the URL has another form, or if the password would be sent unencrypted. The
        error does not contain the URL.
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
    """A client of one mail server.

    `timeout` is the timeout of each command in seconds. `data_timeout` is the timeout of the message in seconds.
    """

    def __init__(
        self, server: MailServer, *, timeout: float = 20, data_timeout: float = 60
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._data_timeout = data_timeout

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[SmtpConnection]:
        """Connect, authenticate and yield the connection. The connection is closed when the block ends.

        Raises UnreachableError.
        """
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
    """An open connection to a mail server, over which messages are sent one after another.

    After a missing or invalid SMTP response, `usable` is False, and no command is sent any more, not even QUIT.
    """

    def __init__(self, client: SMTP, data_timeout: float) -> None:
        self.usable = True
        self._client = client
        self._data_timeout = data_timeout

    async def send_addresses(self, mail: Mail, rcpt_timeout: float | None = None) -> None:
        """Send the addresses of the sender and the recipient, but no part of the message.

        Raises RejectedError or UnreachableError. Raises SlowDestinationError if the response to the recipient's address
        takes longer than `rcpt_timeout` seconds.
        """
        if mail.needs_utf8 and not self._client.supports_extension("smtputf8"):
            raise RejectedError(550, "the mail server does not support non-ASCII addresses")
        # Headers in UTF-8 are 8-bit content (RFC 6531, section 3.1). All other mails are 7-bit.
        options = ["SMTPUTF8", "BODY=8BITMIME"] if mail.needs_utf8 else []
        encoding = "utf-8" if mail.needs_utf8 else "ascii"
        try:
            await self._client.mail(mail.sender, options=options, encoding=encoding)
        except (SMTPException, OSError) as error:
            # All mails have the same sender, so a rejection of the sender does not depend on the message.
            raise UnreachableError(_describe(error)) from error
        try:
            await self._client.rcpt(
                mail.recipient,
                encoding=encoding,
                timeout=self._client.timeout if rcpt_timeout is None else rcpt_timeout,
            )
        except SMTPResponseException as response:
            # After an invalid response, the connection is unusable, because the next response might not belong to the
            # next command.
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
        """Hand the message over to the mail server, and return after the server has accepted the message.

        Raises RejectedError, NoResponseError.
        """
        try:
            await self._client.data(mail.content, timeout=self._data_timeout)
        except SMTPResponseException as response:
            if response.code in _REJECTIONS:
                raise RejectedError(response.code, response.message) from response
            # The response does not say whether the server accepted the message.
            self.usable = False
            raise NoResponseError(_describe(response)) from response
        except (SMTPException, OSError) as error:
            self.usable = False
            raise NoResponseError(_describe(error)) from error

    async def reset(self) -> None:
        """Discard the addresses that were sent to the server, if the connection is usable. Raises UnreachableError."""
        if not self.usable:
            return
        try:
            await self._client.rset()
        except (SMTPException, OSError) as error:
            raise UnreachableError(_describe(error)) from error


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


async def _quit(client: SMTP) -> None:
    """Send QUIT if the connection is open. Errors are ignored, because all mails were sent before."""
    with suppress(SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=_QUIT_TIMEOUT)
