"""Metrics of the connection pools of a database, with the names of OpenTelemetry's conventions."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.metrics import Observation

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.metrics import Metrics

_POOL = "db.client.connection.pool.name"
_STATE = "db.client.connection.state"


def observe_pools(database: Database, metrics: Metrics) -> None:
    """Add the gauges of the pools of `database`."""

    def count() -> Iterator[Observation]:
        for pool in database.pool_use():
            yield Observation(pool.used, {_POOL: pool.name, _STATE: "used"})
            yield Observation(pool.idle, {_POOL: pool.name, _STATE: "idle"})

    def limit() -> Iterator[Observation]:
        for pool in database.pool_use():
            yield Observation(pool.limit, {_POOL: pool.name})

    metrics.observe("db.client.connection.count", "Open database connections", count)
    metrics.observe("db.client.connection.max", "Most database connections of a pool", limit)
