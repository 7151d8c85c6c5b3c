"""The mail that is handed to the mail server: text, HTML, and an invitation where there is one (RFC 5322)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from uuid import UUID

from proctorium_notification.domain.topics import CALENDAR
from proctorium_notification.messages.calendar import calendar_of
from proctorium_notification.messages.contents import Content, Help, Reader, link_of
from proctorium_notification.messages.headers import MAIL, MAIL_UTF8
from proctorium_notification.messages.render import Rendered, Renderer

# No quoted names and no comments: nobody has them, and they are how headers are smuggled.
_ADDRESS = re.compile(r'[^\s@<>(),;:"\\\[\]\x00-\x20\x7f]+@[^\s@<>(),;:"\\\[\]\x00-\x20\x7f]+')


class AddressError(Exception):
    """Nothing can be sent to this address; it is not repeated here."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to be handed over."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server that knows SMTPUTF8 can take it."""
        return not self.recipient.isascii()


class MailMaker:
    """Makes mails, all from one sender ("Name <address>")."""

    def __init__(self, mail_from: str, public_url: str) -> None:
        name, address = parseaddr(mail_from)
        self._from = Address(display_name=name, addr_spec=address)
        self._public_url = public_url
        self._renderer = Renderer(public_url)

    def make(
        self,
        content: Content,
        reader: Reader,
        help_: Help,
        *,
        delivery_id: UUID,
        email: str,
        now: datetime,
    ) -> Mail:
        """The mail of one delivery. Its Message-ID is the delivery's id, also when it is sent again. Raises AddressError."""
        email = _plain(email)
        rendered = self._renderer.mail(content, reader, help_)
        policy = MAIL if email.isascii() else MAIL_UTF8
        message = EmailMessage(policy=policy)
        message["From"] = self._from
        message["To"] = Address(" ".join(reader.name.split()), *email.rsplit("@", 1))
        message["Subject"] = rendered.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{delivery_id}@{self._from.domain}>"
        # RFC 3834: automatic answers ("I am away") stay at home.
        message["Auto-Submitted"] = "auto-generated"
        self._fill(message, rendered, content, email, now)
        message["Content-Language"] = rendered.locale
        return Mail(self._from.addr_spec, email, message.as_bytes(policy=policy))

    def _fill(
        self,
        message: EmailMessage,
        rendered: Rendered,
        content: Content,
        email: str,
        now: datetime,
    ) -> None:
        message.set_content(rendered.text)
        message.add_alternative(rendered.html, subtype="html")
        method = CALENDAR.get(content.topic)
        if method is None or content.session is None:
            return
        entry = calendar_of(
            content.session,
            method,
            organizer=self._from.addr_spec,
            attendee=email,
            link=link_of(content, self._public_url),
            now=now,
        )
        # The alternative is what mail programs show as an invitation; the attachment is for those that do not.
        message.add_alternative(entry, subtype="calendar", params={"method": method})
        message.add_attachment(
            entry.encode(), maintype="application", subtype="ics", filename="session.ics"
        )


def _plain(email: str) -> str:
    """The address with its domain as DNS knows it. Raises AddressError for what is none."""
    if not _ADDRESS.fullmatch(email):
        raise AddressError
    name, _, domain = email.rpartition("@")
    try:
        return f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise AddressError from None
