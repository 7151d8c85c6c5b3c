"""``python -m proctorium_devstack.mailbox --smtp PORT --page PORT --store FILE [--host ADDRESS] [--name NAME]``."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from proctorium_devstack.mailbox.app import Mailbox, listen, web
from proctorium_devstack.mailbox.store import MailStore
from proctorium_devstack.ports import LOOPBACK
from proctorium_devstack.serving import serve


async def main() -> None:
    """Take mails and show them until told to end."""
    parser = argparse.ArgumentParser(
        description="A mailbox that takes every mail and delivers none."
    )
    parser.add_argument("--smtp", type=int, required=True, help="port that takes mails")
    parser.add_argument("--page", type=int, required=True, help="port of the page and the JSON")
    parser.add_argument("--store", type=Path, required=True, help="file that keeps the mails")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument("--name", default="localhost", help="host name that others reach it by")
    asked = parser.parse_args()
    asked.store.parent.mkdir(parents=True, exist_ok=True)
    mailbox = Mailbox(MailStore(asked.store))
    smtp = await listen(mailbox, asked.host, asked.smtp)
    try:
        await serve(web(mailbox), asked.page, host=asked.host, name=asked.name)
    finally:
        smtp.close()
        mailbox.store.close()


if __name__ == "__main__":
    asyncio.run(main())
