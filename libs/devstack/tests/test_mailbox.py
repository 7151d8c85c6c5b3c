"""Tests that the mailbox stores the mails that arrive by SMTP, and that it shows untrusted HTML safely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from httpx2 import ASGITransport, AsyncClient

from proctorium_devstack.mailbox.app import Mailbox, listen, web
from proctorium_devstack.mailbox.store import MailStore
from proctorium_devstack.ports import LOOPBACK, free_ports


class Harness:
    """A mailbox with an SMTP client and an HTTP client."""

    def __init__(self, file: Path, smtp: int) -> None:
        self.mailbox = Mailbox(MailStore(file))
        self.page = AsyncClient(
            transport=ASGITransport(web(self.mailbox)), base_url="http://mailbox"
        )
        self.smtp = smtp

    async def send(self, to: str, subject: str = "Your code") -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "proctorium@example.org", to, subject
        mail["Message-ID"] = "<1@example.org>"
        mail.set_content("The code is Ab3dEf. Viel Glück!")
        mail.add_alternative(
            "<p>The code is <b>Ab3dEf</b></p><script>alert(1)</script>", subtype="html"
        )
        mail.add_attachment(
            b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="session.ics"
        )
        await aiosmtplib.send(mail, hostname=LOOPBACK, port=self.smtp)

    async def search(self, query: str = "") -> list[dict[str, object]]:
        response = await self.page.get(f"/api/mails?{query}")
        mails: list[dict[str, object]] = response.json()["mails"]
        return mails


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path / "mailbox.sqlite", free_ports(1)[0])
    server = await listen(harness.mailbox, LOOPBACK, harness.smtp)
    yield harness
    server.close()
    await harness.page.aclose()
    harness.mailbox.store.close()


async def test_received_mail_is_shown_as_it_was_sent(harness: Harness) -> None:
    await harness.send("lena@example.org")
    (mail,) = await harness.search()
    assert (mail["to"], mail["subject"], mail["message_id"]) == (
        ["lena@example.org"],
        "Your code",
        "<1@example.org>",
    )
    assert mail["text"] == "The code is Ab3dEf. Viel Glück!\n"
    assert "<b>Ab3dEf</b>" in str(mail["html"])
    assert mail["attachments"] == [{"name": "session.ics", "type": "text/calendar", "bytes": 15}]
    assert (
        await harness.page.get(f"/api/mails/{mail['id']}/attachments/0")
    ).content == b"BEGIN:VCALENDAR"


async def test_mails_are_found_by_whole_address_and_subject_words(harness: Harness) -> None:
    await harness.send("lena@example.org", "Your code")
    await harness.send("magdalena@example.org", "Your result")
    assert len(await harness.search("to=LENA@example.org")) == 1
    assert len(await harness.search("subject=result")) == 1
    assert len(await harness.search("to=lena@example.org&subject=result")) == 0
    assert [mail["subject"] for mail in await harness.search("after=1")] == ["Your result"]


async def test_waiting_search_returns_when_a_matching_mail_arrives(harness: Harness) -> None:
    waiting = asyncio.create_task(harness.search("to=omar@example.org&wait=30"))
    await harness.send("lena@example.org")
    await harness.send("omar@example.org")
    (mail,) = await asyncio.wait_for(waiting, 10)
    assert mail["to"] == ["omar@example.org"]


async def test_mails_survive_a_restart(harness: Harness, tmp_path: Path) -> None:
    await harness.send("lena@example.org")
    reopened = MailStore(tmp_path / "mailbox.sqlite")
    assert [mail.recipients for mail in reopened.search()] == [("lena@example.org",)]
    reopened.close()


async def test_html_of_a_mail_cannot_run_scripts_or_load_anything(harness: Harness) -> None:
    await harness.send("lena@example.org", "<script>alert(1)</script>")
    (mail,) = await harness.search()
    for address in ("/", f"/mails/{mail['id']}"):
        assert "<script>alert(1)" not in (await harness.page.get(address)).text
    body = await harness.page.get(f"/mails/{mail['id']}/body")
    assert "default-src 'none'" in body.headers["content-security-policy"]
    assert "sandbox" in body.headers["content-security-policy"]
    assert "allow-scripts" not in body.headers["content-security-policy"]


async def test_limited_list_says_so(harness: Harness) -> None:
    for number in range(100):
        harness.mailbox.store.add("a@example.org", ["b@example.org"], b"Subject: %d\n\nx" % number)
    assert "are shown" not in (await harness.page.get("/")).text
    harness.mailbox.store.add("a@example.org", ["b@example.org"], b"Subject: one more\n\nx")
    assert "The newest 100 are shown" in (await harness.page.get("/")).text
