"""Test that streams and consumers can be declared from the topology more than once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from nats.js.api import ConsumerConfig
from structlog.testing import capture_logs

from proctorium_common.errors import ServiceError
from proctorium_common.events.permissions import DECLARER
from proctorium_common.events.streams import declare
from proctorium_common.topology import Subscription, services
from proctorium_devstack.components.nats import Nats

from .harness import CONSUMER, STREAM, TOPOLOGY, Harness


async def test_repeated_declaration_changes_nothing(harness: Harness) -> None:
    jetstream = (await harness.tester.connected()).jetstream()

    async def declared() -> tuple[object, ...]:
        stream = await jetstream.stream_info(STREAM)
        consumer = await jetstream.consumer_info(STREAM, CONSUMER)
        return stream.config, stream.created, consumer.config, consumer.created

    before = await declared()
    await harness.declare()
    assert await declared() == before


async def test_changed_subscription_updates_the_consumer(
    harness: Harness,
) -> None:
    sample = TOPOLOGY["sample"]
    narrower = replace(
        sample, subscriptions=(Subscription(CONSUMER, "enrollment", ("person.certified",)),)
    )
    await declare(
        harness.nats.url, {**TOPOLOGY, "sample": narrower}, harness.nats.identity(DECLARER)
    )
    jetstream = (await harness.tester.connected()).jetstream()
    config = (await jetstream.consumer_info(STREAM, CONSUMER)).config
    assert (config.filter_subjects or [config.filter_subject]) == [
        "evt.enrollment.person.certified.v1.>"
    ]


async def test_undeclared_consumer_is_logged_and_unchanged(
    harness: Harness,
) -> None:
    jetstream = (await harness.tester.connected()).jetstream()
    await jetstream.add_consumer(STREAM, ConsumerConfig(durable_name="old--purpose"))
    with capture_logs() as logs:
        await harness.declare()
    assert [line["consumer"] for line in logs] == ["old--purpose"]
    assert (await jetstream.consumer_info(STREAM, "old--purpose")).name == "old--purpose"


async def test_real_topology_can_be_declared_twice(own_nats: Nats) -> None:
    await declare(own_nats.url, services(), own_nats.identity(DECLARER))
    await declare(own_nats.url, services(), own_nats.identity(DECLARER))


async def test_consumer_without_a_handlers_subject_is_logged(harness: Harness) -> None:
    sample = replace(
        TOPOLOGY["sample"],
        subscriptions=(Subscription(CONSUMER, "enrollment", ("person.created",)),),
    )
    await declare(harness.nats.url, {**TOPOLOGY, "sample": sample}, harness.nats.identity(DECLARER))
    with capture_logs() as logs:
        async with harness.subscriber() as subscriber:
            while not subscriber.is_consuming:
                await harness.unpublished()
    lacking = [line for line in logs if line["event"] == "consumer_subjects_missing"]
    assert [line["subjects"] for line in lacking] == [["evt.enrollment.person.certified.v1.>"]]


async def test_declaration_without_a_broker_fails(bare_harness: Harness) -> None:
    await bare_harness.nats.stop()
    with pytest.raises(ServiceError) as caught:
        await bare_harness.declare()
    assert caught.value.reason == "DEPENDENCY_UNAVAILABLE"
