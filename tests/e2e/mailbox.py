"""Read the mails that the mailbox of the development stack has received."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

from proctorium_devstack.demo.waiting import eventually


@dataclass(frozen=True)
class Mail:
    """One received mail."""

    mail_id: int
    message_id: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    attachments: tuple[str, ...]


class Mailbox:
    """A client of the mailbox at `url`."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.AsyncClient(base_url=url, timeout=30)

    async def mails_to(self, address: str) -> list[Mail]:
        """Return all mails to an address, the oldest first."""
        answer = await self._http.get("/api/mails", params={"to": address})
        answer.raise_for_status()
        found = [_mail(one) for one in answer.json()["mails"]]
        return sorted(found, key=lambda mail: mail.mail_id)

    async def mail_to(self, address: str, subject: str) -> Mail:
        """Wait for a mail to `address` whose subject contains `subject`; return the first mail that is found."""

        async def received() -> Mail | None:
            mails = await self.mails_to(address)
            return next((mail for mail in mails if subject.lower() in mail.subject.lower()), None)

        return await eventually(received, f"a mail to {address} about “{subject}”")

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def _mail(one: dict[str, object]) -> Mail:
    recipients = one["to"]
    attachments = one["attachments"]
    assert isinstance(recipients, list)
    assert isinstance(attachments, list)
    return Mail(
        mail_id=int(str(one["id"])),
        message_id=str(one["message_id"]),
        recipients=tuple(map(str, recipients)),
        subject=str(one["subject"]),
        text=str(one["text"]),
        attachments=tuple(str(file["type"]) for file in attachments),
    )
