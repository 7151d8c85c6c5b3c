"""Storage of mails in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path

_MAX_MAILS = 5000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
  mail_id INTEGER PRIMARY KEY AUTOINCREMENT,
  receive_time TEXT NOT NULL,
  sender TEXT NOT NULL,
  recipients TEXT NOT NULL,
  content BLOB NOT NULL
)
"""


@dataclass(frozen=True)
class Attachment:
    """A file that is attached to a mail."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """A received mail: the envelope's sender and recipients, and the message."""

    mail_id: int
    receive_time: datetime
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.message["subject"] or "")

    @property
    def text(self) -> str:
        """The plain text, or an empty string if there is none."""
        return _content(self.message.get_body(("plain",)))

    @property
    def html(self) -> str:
        """The HTML, or an empty string if there is none."""
        return _content(self.message.get_body(("html",)))

    @property
    def attachments(self) -> Sequence[Attachment]:
        """The attached files, including calendar invitations."""
        return [_attachment(part, number) for number, part in enumerate(self._files())]

    def _files(self) -> Iterator[EmailMessage | MIMEPart]:
        bodies = {id(self.message.get_body((kind,))) for kind in ("plain", "html")}
        for part in self.message.walk():
            if not part.is_multipart() and id(part) not in bodies:
                yield part


class MailStore:
    """The mails in an SQLite file. If there are more mails than a limit, the oldest mails are deleted."""

    def __init__(self, file: Path | str) -> None:
        self._database = sqlite3.connect(file, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        # A mail must be on the disk before the SMTP server sends the reply 250 to the sender.
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(_SCHEMA)

    def add(self, sender: str, recipients: Sequence[str], content: bytes) -> int:
        """Store a mail and return its id."""
        with self._database:
            cursor = self._database.execute(
                "INSERT INTO mails (receive_time, sender, recipients, content) VALUES (?, ?, ?, ?)",
                (datetime.now(UTC).isoformat(), sender, "\n".join(recipients), content),
            )
            newest = cursor.lastrowid or 0
            self._database.execute("DELETE FROM mails WHERE mail_id <= ?", (newest - _MAX_MAILS,))
        return newest

    def search(
        self, *, to: str = "", subject: str = "", after: int = 0, limit: int = 200
    ) -> list[Mail]:
        """Return up to `limit` mails, newest first.

        The mails have ids greater than `after`, and their subject contains `subject`. If `to` is not empty, `to` is one
        of their recipients.
        """
        rows = self._database.execute(
            "SELECT * FROM mails WHERE mail_id > ? AND (? = '' OR char(10) || lower(recipients) || char(10) LIKE ?)"
            " ORDER BY mail_id DESC LIMIT ?",
            (after, to, f"%\n{to.lower()}\n%", _MAX_MAILS if subject else limit),
        )
        mails = (_mail(row) for row in rows)
        return [mail for mail in mails if subject.lower() in mail.subject.lower()][:limit]

    def get(self, mail_id: int) -> Mail | None:
        """Return the mail with this id, or None if there is no such mail."""
        row = self._database.execute("SELECT * FROM mails WHERE mail_id = ?", (mail_id,)).fetchone()
        return _mail(row) if row else None

    def clear(self) -> None:
        """Delete all mails."""
        with self._database:
            self._database.execute("DELETE FROM mails")

    def close(self) -> None:
        """Close the SQLite file."""
        self._database.close()


def _mail(row: tuple[int, str, str, str, bytes]) -> Mail:
    mail_id, receive_time, sender, recipients, content = row
    message = message_from_bytes(content, policy=policy.default)
    return Mail(
        mail_id,
        datetime.fromisoformat(receive_time),
        sender,
        tuple(recipients.split("\n")),
        message,
    )


def _content(part: EmailMessage | MIMEPart | None) -> str:
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


def _attachment(part: EmailMessage | MIMEPart, number: int) -> Attachment:
    payload = part.get_payload(decode=True)
    name = part.get_filename() or f"{part.get_content_type().replace('/', '-')}-{number + 1}"
    return Attachment(name, part.get_content_type(), payload if isinstance(payload, bytes) else b"")
