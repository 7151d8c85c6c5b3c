"""The mailbox: what is sent by SMTP is there to be read, also after a restart, and can do nothing to its reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtplib import send
from httpx2 import ASGITransport, AsyncClient

from proctorium_devstack.mailbox.app import Mailbox, listen, web
from proctorium_devstack.mailbox.store import MailStore
from proctorium_devstack.ports import LOOPBACK, free_ports


class World:
    """A mailbox, its page, and somebody who writes to it."""

    def __init__(self, file: Path, smtp: int) -> None:
        self.mailbox = Mailbox(MailStore(file))
        self.page = AsyncClient(
            transport=ASGITransport(web(self.mailbox)), base_url="http://mailbox"
        )
        self.smtp = smtp

    async def write(self, to: str, subject: str = "Your code") -> None:
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
        await send(mail, hostname=LOOPBACK, port=self.smtp)

    async def found(self, query: str = "") -> list[dict[str, object]]:
        found: list[dict[str, object]] = (await self.page.get(f"/api/mails?{query}")).json()[
            "mails"
        ]
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "mailbox.sqlite", free_ports(1)[0])
    server = await listen(world.mailbox, LOOPBACK, world.smtp)
    yield world
    server.close()
    await world.page.aclose()
    world.mailbox.store.close()


async def test_a_mail_is_read_as_it_was_sent(world: World) -> None:
    await world.write("lena@example.org")
    (mail,) = await world.found()
    assert (mail["to"], mail["subject"], mail["message_id"]) == (
        ["lena@example.org"],
        "Your code",
        "<1@example.org>",
    )
    assert mail["text"] == "The code is Ab3dEf. Viel Glück!\n"
    assert "<b>Ab3dEf</b>" in str(mail["html"])
    assert mail["attachments"] == [{"name": "session.ics", "type": "text/calendar", "bytes": 15}]
    assert (
        await world.page.get(f"/api/mails/{mail['id']}/attachments/0")
    ).content == b"BEGIN:VCALENDAR"


async def test_mails_are_found_by_whole_address_and_words(world: World) -> None:
    await world.write("lena@example.org", "Your code")
    await world.write("magdalena@example.org", "Your result")
    assert len(await world.found("to=LENA@example.org")) == 1
    assert len(await world.found("subject=result")) == 1
    assert len(await world.found("to=lena@example.org&subject=result")) == 0
    assert [mail["subject"] for mail in await world.found("after=1")] == ["Your result"]


async def test_who_waits_for_a_mail_gets_it_when_it_comes(world: World) -> None:
    waiting = asyncio.create_task(world.found("to=omar@example.org&wait=30"))
    await world.write("lena@example.org")
    await world.write("omar@example.org")
    (mail,) = await asyncio.wait_for(waiting, 10)
    assert mail["to"] == ["omar@example.org"]


async def test_mails_are_there_after_a_restart(world: World, tmp_path: Path) -> None:
    await world.write("lena@example.org")
    again = MailStore(tmp_path / "mailbox.sqlite")
    assert [mail.recipients for mail in again.search()] == [("lena@example.org",)]
    again.close()


async def test_a_mail_can_do_nothing_to_its_reader(world: World) -> None:
    await world.write("lena@example.org", "<script>alert(1)</script>")
    (mail,) = await world.found()
    for address in ("/", f"/mails/{mail['id']}"):
        assert "<script>alert(1)" not in (await world.page.get(address)).text
    body = await world.page.get(f"/mails/{mail['id']}/body")
    assert "default-src 'none'" in body.headers["content-security-policy"]
    assert "sandbox" in body.headers["content-security-policy"]
    assert "allow-scripts" not in body.headers["content-security-policy"]


async def test_a_list_that_stops_says_so(world: World) -> None:
    for number in range(100):
        world.mailbox.store.add("a@example.org", ["b@example.org"], b"Subject: %d\n\nx" % number)
    assert "are shown" not in (await world.page.get("/")).text
    world.mailbox.store.add("a@example.org", ["b@example.org"], b"Subject: one more\n\nx")
    assert "The newest 100 are shown" in (await world.page.get("/")).text
