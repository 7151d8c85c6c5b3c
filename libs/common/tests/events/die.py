"""A relay and a subscriber that kill their process between two steps, as a crash would.

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


class DyingRelay(Relay):
    """Kills its process between publishing events and marking the events as published."""

    async def mark(self, connection: object, positions: Sequence[int]) -> None:
        print(len(positions), flush=True)
        die()


class DyingSubscriber(Subscriber):
    """Kills its process between the commit of an effect and the acknowledgement of the event."""

    async def _respond(self, delivery: object, send: Callable[[], Awaitable[None]]) -> None:
        die()


async def main(who: str, database_url: str, broker_url: str, certificates: str) -> None:
    name = "enrollment" if who == "relay" else "sample"
    pair = key_pair(Path(certificates), name)
    identity = BrokerIdentity.load(name, pair.certificate, pair.key, pair.authority)
    database, broker = Database(database_url), Broker(broker_url, identity)
    if who == "relay":
        await DyingRelay(database, broker, Listener(database)).run()
    else:
        await DyingSubscriber(database, broker, CONSUMER, Effects().handlers).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
