"""Declares streams and durable consumers from the topology: used by the command `declare`, `make up` and tests."""

from __future__ import annotations

from datetime import timedelta

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from proctorium_common.errors import unavailable
from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.topology import Subscription, Topology, stream_of

_log = get_logger()

_KEPT = timedelta(days=7)
_WINDOW = timedelta(minutes=2)
# How long a killed subscriber's events are held up; those of a living one are prolonged by its heartbeats.
_ACK_WAIT = timedelta(seconds=10)
_ACK_PENDING = 1_000


async def declare(
    nats_url: str,
    topology: Topology,
    identity: BrokerIdentity,
    *,
    replicas: int = 1,
    ack_wait: timedelta = _ACK_WAIT,
) -> None:
    """Create or update the streams and consumers of `topology`; a repetition changes nothing.

    `identity` is that of `permissions.DECLARER`. Consumers that the topology no longer names are left alone and logged:
    removing one forgets its position. Raises DEPENDENCY_UNAVAILABLE when the broker does not answer or refuses the
    identity.
    """
    refusals: list[str] = []

    async def note(error: Exception) -> None:
        refusals.append(str(error))

    client = identity.client()
    try:
        await client.connect(
            nats_url,
            **identity.options(),
            allow_reconnect=False,
            # The caller retries; the client must not do so for minutes first.
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            connect_timeout=5,
            error_cb=note,
        )
    except (NatsError, OSError) as error:
        raise unavailable("DEPENDENCY_UNAVAILABLE", f"NATS does not answer: {error!r}.") from error
    try:
        await declare_on(client.jetstream(), topology, replicas=replicas, ack_wait=ack_wait)
    except (NatsError, TimeoutError) as error:
        # What the server refuses it does not answer; the reason comes beside.
        why = "; ".join(refusals) or repr(error)
        raise unavailable("DEPENDENCY_UNAVAILABLE", f"NATS does not answer: {why}.") from error
    finally:
        await client.close()


async def declare_on(
    jetstream: JetStreamContext,
    topology: Topology,
    *,
    replicas: int = 1,
    ack_wait: timedelta = _ACK_WAIT,
) -> None:
    """`declare` on a connection that is there."""
    for service in topology.values():
        if service.publishes:
            await _declare_stream(jetstream, _stream(service.name, replicas))
    for service in topology.values():
        for subscription in service.subscriptions:
            await jetstream.add_consumer(subscription.stream, _consumer(subscription, ack_wait))
    await _name_leftovers(jetstream, topology)


async def _declare_stream(jetstream: JetStreamContext, wanted: StreamConfig) -> None:
    assert wanted.name is not None
    try:
        await jetstream.stream_info(wanted.name)
    except NotFoundError:
        await jetstream.add_stream(wanted)
        _log.info("stream_declared", stream=wanted.name)
    else:
        await jetstream.update_stream(wanted)


def _stream(owner: str, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=stream_of(owner),
        subjects=[f"evt.{owner}.>"],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_age=_KEPT.total_seconds(),
        duplicate_window=_WINDOW.total_seconds(),
        num_replicas=replicas,
        allow_direct=True,
    )


def _consumer(subscription: Subscription, ack_wait: timedelta) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=subscription.consumer,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait.total_seconds(),
        # The subscriber ends deliveries, by a dead letter; the broker would end them by silence.
        max_deliver=-1,
        max_ack_pending=_ACK_PENDING,
        filter_subjects=list(subscription.filter_subjects),
    )


async def _name_leftovers(jetstream: JetStreamContext, topology: Topology) -> None:
    named = {
        (subscription.stream, subscription.consumer)
        for service in topology.values()
        for subscription in service.subscriptions
    }
    for service in topology.values():
        if not service.publishes:
            continue
        stream = stream_of(service.name)
        for found in await jetstream.consumers_info(stream):
            if (stream, found.name) not in named:
                _log.warning("consumer_not_in_topology", stream=stream, consumer=found.name)
