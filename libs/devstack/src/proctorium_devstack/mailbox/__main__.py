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
    """Run the SMTP server and the web server until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        description="A mailbox that receives every mail and delivers none."
    )
    parser.add_argument("--smtp", type=int, required=True, help="port of the SMTP server")
    parser.add_argument("--page", type=int, required=True, help="port of the page and the JSON")
    parser.add_argument("--store", type=Path, required=True, help="SQLite file of the mails")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument(
        "--name", default="localhost", help="additional host name that requests may use"
    )
    options = parser.parse_args()
    options.store.parent.mkdir(parents=True, exist_ok=True)
    mailbox = Mailbox(MailStore(options.store))
    smtp = await listen(mailbox, options.host, options.smtp)
    try:
        await serve(web(mailbox), options.page, host=options.host, name=options.name)
    finally:
        smtp.close()
        mailbox.store.close()


if __name__ == "__main__":
    asyncio.run(main())
