"""Processes that die at the worst moment.

Usage: `python -m libs.common.tests.events.die relay|subscriber DATABASE BROKER CERTIFICATES`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from proctorium_common.events.broker import Broker
from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.events.relay import Relay
from proctorium_common.events.subscriber import Subscriber
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_devstack.components.certificates import key_pair

from .harness import CONSUMER, Effects


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class RelayThatDies(Relay):
    """Dies when the broker has the events and the database does not know it."""

    async def mark(self, connection: object, positions: Sequence[int]) -> None:
        print(len(positions), flush=True)
        die()


class SubscriberThatDies(Subscriber):
    """Dies when the effect is committed and the broker does not know it."""

    async def _respond(self, delivery: object, send: Callable[[], Awaitable[None]]) -> None:
        die()


async def main(who: str, database_url: str, broker_url: str, certificates: str) -> None:
    name = "enrollment" if who == "relay" else "sample"
    pair = key_pair(Path(certificates), name)
    identity = BrokerIdentity.load(name, pair.certificate, pair.key, pair.authority)
    database, broker = Database(database_url), Broker(broker_url, identity)
    if who == "relay":
        await RelayThatDies(database, broker, Listener(database)).run()
    else:
        await SubscriberThatDies(database, broker, CONSUMER, Effects().handlers).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
