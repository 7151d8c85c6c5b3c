"""Building mails from text, HTML and, for some topics, a calendar entry (RFC 5322)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from uuid import UUID

from proctorium_notification.domain.topics import CALENDAR_METHODS
from proctorium_notification.rendering.calendar import calendar_entry
from proctorium_notification.rendering.content import Content, Reader, Support, link_of
from proctorium_notification.rendering.headers import MAIL, MAIL_UTF8
from proctorium_notification.rendering.renderer import RenderedMail, Renderer

# The pattern refuses quoted names and comments in addresses. They would allow header injection, and real addresses do
# not have them.
_ADDRESS = re.compile(r'[^\s@<>(),;:"\\\[\]\x00-\x20\x7f]+@[^\s@<>(),;:"\\\[\]\x00-\x20\x7f]+')


class AddressError(Exception):
    """A mail address is not valid. The error does not contain the address."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that is ready to be sent."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def needs_utf8(self) -> bool:
        """Whether the mail can be sent only through a mail server that supports SMTPUTF8."""
        return not self.recipient.isascii()


class MailBuilder:
    """Builds mails. All mails have the same sender, which is given as "Name <address>"."""

    def __init__(self, mail_from: str, public_url: str) -> None:
        name, address = parseaddr(mail_from)
        self._from = Address(display_name=name, addr_spec=address)
        self._public_url = public_url
        self._renderer = Renderer(public_url)

    def build(
        self,
        content: Content,
        reader: Reader,
        support: Support,
        *,
        delivery_id: UUID,
        email: str,
        now: datetime,
    ) -> Mail:
        """Return the mail of a delivery. Its Message-ID contains the id of the delivery. Raises AddressError."""
        email = _normalize(email)
        rendered = self._renderer.mail(content, reader, support)
        policy = MAIL if email.isascii() else MAIL_UTF8
        message = EmailMessage(policy=policy)
        message["From"] = self._from
        message["To"] = Address(" ".join(reader.name.split()), *email.rsplit("@", 1))
        message["Subject"] = rendered.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{delivery_id}@{self._from.domain}>"
        # The header Auto-Submitted prevents automatic replies (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        self._set_parts(message, rendered, content, email, now)
        message["Content-Language"] = rendered.locale
        return Mail(self._from.addr_spec, email, message.as_bytes(policy=policy))

    def _set_parts(
        self,
        message: EmailMessage,
        rendered: RenderedMail,
        content: Content,
        email: str,
        now: datetime,
    ) -> None:
        message.set_content(rendered.text)
        message.add_alternative(rendered.html, subtype="html")
        method = CALENDAR_METHODS.get(content.topic)
        if method is None or content.session is None:
            return
        entry = calendar_entry(
            content.session,
            method,
            organizer=self._from.addr_spec,
            attendee=email,
            link=link_of(content, self._public_url),
            now=now,
        )
        # Most mail programs show the alternative part as an invitation. The attachment is for programs that do not.
        message.add_alternative(entry, subtype="calendar", params={"method": method})
        message.add_attachment(
            entry.encode(), maintype="application", subtype="ics", filename="session.ics"
        )


def _normalize(email: str) -> str:
    """Return the address with its domain in ASCII (IDNA). Raises AddressError."""
    if not _ADDRESS.fullmatch(email):
        raise AddressError
    name, _, domain = email.rpartition("@")
    try:
        return f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise AddressError from None
