"""Declare the streams and durable consumers of the topology.

The command `declare`, `make up` and tests use this module.
"""

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
from nats.js.errors import APIError, NotFoundError

from proctorium_common.errors import unavailable
from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.topology import Subscription, Topology, stream_of

_log = get_logger()

_MAX_AGE = timedelta(days=7)
_DUPLICATE_WINDOW = timedelta(minutes=2)
# The time after which the broker redelivers an unacknowledged event. An event can be unacknowledged, for example,
# because the subscriber was killed. A running subscriber extends this time while it handles an event.
_ACK_WAIT = timedelta(seconds=10)
_MAX_ACK_PENDING = 1_000


async def declare(
    nats_url: str,
    topology: Topology,
    identity: BrokerIdentity,
    *,
    replicas: int = 1,
    ack_wait: timedelta = _ACK_WAIT,
) -> None:
    """Create or update the streams and consumers of `topology`. The operation is idempotent.

    `identity` must be the identity named `permissions.DECLARER`. A consumer that is no longer in the topology is
    logged, but not deleted, because its position in the stream would be lost. Raises DEPENDENCY_UNAVAILABLE if the
    broker does not respond or refuses the identity.
    """
    errors: list[str] = []

    async def on_error(error: Exception) -> None:
        errors.append(str(error))

    client = identity.client()
    try:
        await client.connect(
            nats_url,
            **identity.options(),
            allow_reconnect=False,
            # The client must fail at once instead of connecting again, because the caller retries.
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            connect_timeout=5,
            error_cb=on_error,
        )
    except (NatsError, OSError) as error:
        raise unavailable("DEPENDENCY_UNAVAILABLE", f"NATS does not respond: {error!r}.") from error
    try:
        await declare_on(client.jetstream(), topology, replicas=replicas, ack_wait=ack_wait)
    except APIError as error:
        reason = error.description or repr(error)
        raise unavailable(
            "DEPENDENCY_UNAVAILABLE", f"NATS refuses the streams or consumers: {reason}."
        ) from error
    except (NatsError, TimeoutError) as error:
        # The server does not respond to a refused request. It sends the reason separately, and the client passes the
        # reason to the error callback.
        reason = "; ".join(errors) or repr(error)
        raise unavailable("DEPENDENCY_UNAVAILABLE", f"NATS does not respond: {reason}.") from error
    finally:
        await client.close()


async def declare_on(
    jetstream: JetStreamContext,
    topology: Topology,
    *,
    replicas: int = 1,
    ack_wait: timedelta = _ACK_WAIT,
) -> None:
    """Create or update the streams and consumers of `topology` over an existing connection."""
    for service in topology.values():
        if service.publishes:
            await _declare_stream(jetstream, _stream(service.name, replicas))
    for service in topology.values():
        for subscription in service.subscriptions:
            await jetstream.add_consumer(subscription.stream, _consumer(subscription, ack_wait))
    await _log_unknown_consumers(jetstream, topology)


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
        max_age=_MAX_AGE.total_seconds(),
        duplicate_window=_DUPLICATE_WINDOW.total_seconds(),
        num_replicas=replicas,
        allow_direct=True,
    )


def _consumer(subscription: Subscription, ack_wait: timedelta) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=subscription.consumer,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait.total_seconds(),
        # Do not limit the number of deliveries in the broker, because the broker would silently drop an event at the
        # limit. Instead, the subscriber has a limit, and stores a dead letter for an event that reaches the limit.
        max_deliver=-1,
        max_ack_pending=_MAX_ACK_PENDING,
        filter_subjects=list(subscription.filter_subjects),
    )


async def _log_unknown_consumers(jetstream: JetStreamContext, topology: Topology) -> None:
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
