"""A small service for tests. It has one servicer, one consumer and one worker, and can also run as a process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import Field
from sqlalchemy import insert

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified
from proctorium_common.errors import unavailable
from proctorium_common.events.handling import EventMetadata
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.security.keys import PublicKey
from proctorium_common.storage.database import Transaction
from proctorium_common.topology import ServiceTopology, Subscription

from ..rpc.echo import EchoServicer, stubs
from ..sample.storage.tables import effects

PACKAGE = "libs.common.tests.sample"
CONSUMER = "sample--people"

TOPOLOGY = ServiceTopology(
    name="sample",
    package=PACKAGE,
    calls=("enrollment",),
    subscriptions=(Subscription(CONSUMER, "enrollment", ("person.certified",)),),
)


class SampleSettings(ServiceSettings):
    """Settings of a service that calls another service."""

    enrollment_address: str | None = Field(None, description="host:port of enrollment.")


async def no_keys() -> Sequence[PublicKey]:
    raise unavailable("DEPENDENCY_UNAVAILABLE", "The signer does not respond.")


async def on_certified(
    transaction: Transaction, event: PersonCertified, metadata: EventMetadata
) -> None:
    await transaction.execute(insert(effects).values(what=event.person_id, nth=metadata.position))


def build(service: Service[SampleSettings]) -> None:
    service.keys_from(no_keys)
    service.channel("enrollment")
    service.rpc(stubs.add_EchoServiceServicer_to_server, EchoServicer())
    service.subscribe(CONSUMER, {PersonCertified: on_certified})
    service.worker("count", timedelta(seconds=60), service.database.ping)


if __name__ == "__main__":
    main(PACKAGE, SampleSettings, build, topology=TOPOLOGY)
