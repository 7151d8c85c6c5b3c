"""A small service for tests. It has a servicer, two consumers and two workers, and can also run as a process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from pydantic import Field
from sqlalchemy import insert

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified
from proctorium.options.v1 import options_pb2
from proctorium_common.errors import unavailable
from proctorium_common.events.handling import EventMetadata
from proctorium_common.process.commands import main
from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.service import Service
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.security.keys import PublicKey
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.topology import ServiceTopology, Subscription

from ..rpc.echo import EchoServicer, stubs
from ..sample.storage.tables import effects

PACKAGE = "libs.common.tests.sample"
CONSUMER = "sample--people"

TOPOLOGY = ServiceTopology(
    name="sample",
    package=PACKAGE,
    calls=("enrollment",),
    publishes=("note.written",),
    subscriptions=(
        Subscription(CONSUMER, "enrollment", ("person.certified",)),
        Subscription("sample--notes", "sample", ("note.written",)),
    ),
)


def _note_written() -> Any:
    """Return the class of an event that this service publishes, and whose proto exists only in the tests."""
    file = descriptor_pb2.FileDescriptorProto(
        name="sample.proto",
        package="proctorium.sample.events.v1",
        syntax="proto3",
        dependency=[options_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="NoteWritten")
    message.field.add(
        name="note_id",
        number=1,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    )
    option = message.options.Extensions[options_pb2.event]
    option.aggregate, option.action, option.id_field = "note", "written", "note_id"
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("proctorium.sample.events.v1.NoteWritten")
    )


NoteWritten = _note_written()


class SampleSettings(ServiceSettings):
    """Settings of a service that calls another service."""

    enrollment_address: str | None = Field(None, description="host:port of enrollment.")


async def no_keys() -> Sequence[PublicKey]:
    raise unavailable("DEPENDENCY_UNAVAILABLE", "The signer does not respond.")


async def on_certified(
    transaction: Transaction, event: PersonCertified, metadata: EventMetadata
) -> None:
    await transaction.execute(insert(effects).values(what=event.person_id, nth=metadata.position))


async def on_written(transaction: Transaction, event: Any, metadata: EventMetadata) -> None:
    await transaction.execute(insert(effects).values(what=event.note_id, nth=metadata.position))


async def _record(database: Database, what: str) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(insert(effects).values(what=what, nth=0))


def build(service: Service[SampleSettings]) -> None:
    service.keys_from(no_keys)
    service.channel("enrollment")
    service.rpc(stubs.add_EchoServiceServicer_to_server, EchoServicer())
    service.subscribe(CONSUMER, {PersonCertified: on_certified})
    service.subscribe("sample--notes", {NoteWritten: on_written})
    # Each worker stores one effect in each process that runs it.
    for role in (ProcessRole.WORK, ProcessRole.SERVE):
        run = partial(_record, service.database, f"worker of {role}")
        service.worker(f"of {role}", timedelta(hours=1), run, roles=[role])


if __name__ == "__main__":
    main(PACKAGE, SampleSettings, build, topology=TOPOLOGY)
