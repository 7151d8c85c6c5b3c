"""Test the metrics of the connection pools."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_common.storage.pool_metrics import observe_pools
from proctorium_devstack.testing.metrics import ReadableMetrics

COUNT = "db.client.connection.count"
POOL, STATE = "db.client.connection.pool.name", "db.client.connection.state"


async def test_used_and_idle_connections_are_counted_by_pool(database: Database) -> None:
    metrics = ReadableMetrics()
    observe_pools(database, metrics)

    def used(pool: str) -> float:
        return metrics.value(COUNT, **{POOL: pool, STATE: "used"})

    def idle(pool: str) -> float:
        return metrics.value(COUNT, **{POOL: pool, STATE: "idle"})

    assert (used("transactions"), idle("transactions")) == (0, 0)
    async with database.transaction(), database.transaction():
        assert (used("transactions"), idle("transactions")) == (2, 0)
    assert (used("transactions"), idle("transactions")) == (0, 2)
    async with database._extra.connected():
        assert (used("statements"), idle("statements")) == (1, 0)
    assert (used("statements"), idle("statements")) == (0, 1)
    limits = {
        point.attributes[POOL]: point.value for point in metrics.points("db.client.connection.max")
    }
    assert limits == {"transactions": 10, "statements": 4}
