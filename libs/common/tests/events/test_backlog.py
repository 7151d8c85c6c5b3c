"""Test the metrics of events: waiting events, dead letters, and the delays of relay and consumer."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from proctorium_common.events.backlog import EventBacklog
from proctorium_devstack.testing.metrics import ReadableMetrics
from proctorium_devstack.testing.waiting import until

from .harness import CONSUMER, Harness, certified, people


@pytest.fixture
def metrics() -> ReadableMetrics:
    return ReadableMetrics()


async def test_unpublished_events_are_counted_with_the_age_of_the_oldest(
    harness: Harness, metrics: ReadableMetrics
) -> None:
    backlog = EventBacklog(harness.database, harness.broker, [])
    backlog.observe(metrics)
    assert metrics.points("outbox.unpublished") == [], "nothing is known before the first run"
    await backlog.run()
    assert (metrics.value("outbox.unpublished"), metrics.value("outbox.age")) == (0, 0)
    await harness.record(*map(certified, people(2)))
    async with harness.database.transaction() as transaction:
        moved = text("UPDATE outbox SET occurred_at = occurred_at - interval '90 seconds'")
        await transaction.execute(moved)
    await backlog.run()
    assert metrics.value("outbox.unpublished") == 2
    assert 90 <= metrics.value("outbox.age") < 900


async def test_delays_of_relay_and_consumer_are_recorded(
    harness: Harness, metrics: ReadableMetrics
) -> None:
    async with harness.relay(metrics=metrics), harness.subscriber(metrics=metrics):
        await harness.record(*map(certified, people(3)))
        await until(harness.is_settled)
    assert metrics.count("outbox.publish.delay") == 3
    assert metrics.count("consumer.handling.delay", consumer=CONSUMER) == 3


async def test_events_without_a_running_subscriber_are_pending(
    harness: Harness, metrics: ReadableMetrics
) -> None:
    async with harness.subscriber() as subscriber:
        pass
    backlog = EventBacklog(harness.database, harness.broker, [subscriber])
    backlog.observe(metrics)
    async with harness.relay():
        await harness.record(*map(certified, people(3)))
        await until(harness.is_published)
    await harness.broker.connected()
    await backlog.run()
    assert metrics.value("consumer.pending", consumer=CONSUMER) == 3
    assert metrics.value("consumer.unacknowledged", consumer=CONSUMER) == 0


async def test_unresolved_dead_letters_are_counted_by_consumer(
    harness: Harness, metrics: ReadableMetrics
) -> None:
    harness.effects.fail = lambda event, metadata: ValueError("it never works")
    async with harness.relay(), harness.subscriber() as subscriber:
        backlog = EventBacklog(harness.database, harness.broker, [subscriber])
        backlog.observe(metrics)
        await backlog.run()
        assert metrics.value("dead_letters.unresolved", consumer=CONSUMER) == 0
        await harness.record(*map(certified, people(1)))
        await until(harness.is_settled)
    await backlog.run()
    assert metrics.value("dead_letters.unresolved", consumer=CONSUMER) == 1


async def test_numbers_of_a_consumer_end_while_the_broker_is_away(
    harness: Harness, metrics: ReadableMetrics
) -> None:
    async with harness.subscriber() as subscriber:
        pass
    backlog = EventBacklog(harness.database, harness.broker, [subscriber])
    backlog.observe(metrics)
    await harness.broker.connected()
    await backlog.run()
    assert metrics.points("consumer.pending")
    await harness.broker.close()
    await backlog.run()
    assert metrics.points("consumer.pending") == []
    assert metrics.value("outbox.unpublished") == 0
