"""Streams and consumers are declared from the topology, any number of times."""

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


async def test_declaring_twice_changes_nothing(harness: Harness) -> None:
    jetstream = (await harness.tester.connected()).jetstream()

    async def declared() -> tuple[object, ...]:
        stream = await jetstream.stream_info(STREAM)
        consumer = await jetstream.consumer_info(STREAM, CONSUMER)
        return stream.config, stream.created, consumer.config, consumer.created

    before = await declared()
    await harness.declare()
    assert await declared() == before


async def test_a_changed_table_changes_the_consumer_and_keeps_how_far_it_came(
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


async def test_what_the_table_does_not_name_is_named_in_the_log_and_left_alone(
    harness: Harness,
) -> None:
    jetstream = (await harness.tester.connected()).jetstream()
    await jetstream.add_consumer(STREAM, ConsumerConfig(durable_name="old--purpose"))
    with capture_logs() as logs:
        await harness.declare()
    assert [line["consumer"] for line in logs] == ["old--purpose"]
    assert (await jetstream.consumer_info(STREAM, "old--purpose")).name == "old--purpose"


async def test_the_real_table_can_be_declared(own_nats: Nats) -> None:
    await declare(own_nats.url, services(), own_nats.identity(DECLARER))
    await declare(own_nats.url, services(), own_nats.identity(DECLARER))


async def test_a_consumer_that_lacks_what_its_handlers_want_is_said(harness: Harness) -> None:
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


async def test_a_broker_that_is_not_there_is_said(bare_harness: Harness) -> None:
    await bare_harness.nats.stop()
    with pytest.raises(ServiceError) as caught:
        await bare_harness.declare()
    assert caught.value.reason == "DEPENDENCY_UNAVAILABLE"
