"""Measure how many learners the session service can show as connected (presence).

A learner is connected while their `WatchSession` stream is open, so a learner sends no heartbeats. Each replica renews
the leases of its streams with one statement and one commit. The figure is the number of leases per second that the
worker of the service (`operations/presence.py`) renews, with 1,000 open streams and PostgreSQL with fsync. Before each
run of the worker, the measurement moves the worker's clock forward by half the length of a lease, because all leases
are then due for renewal. In each run, the worker also searches for learners whose presence has changed. This search is
part of the measured time.

The limit is the number of bare unary echo calls per second with 16 concurrent clients. An echo call represents the
cheapest possible heartbeat: a call in which the server does nothing.

`python -m e2e.bench.presence` prints the table. The other commands run the processes that the measurement starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial

import grpc
import uvloop

from e2e.bench import harness
from e2e.bench.harness import Figure, Harness, Sample, throughput
from e2e.bench.lobbies import fill, open_lobby
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_session.operations.leases import Lease
from proctorium_session.operations.presence import Presence

LEARNERS = 1000
AT_ONCE, CONNECTIONS = 16, 4
ROUNDS = 3
SECONDS = 1.0
_MODULE = "e2e.bench.presence"
_BARE_SERVICE = "bench.Bare"
_HEARTBEAT = b"\n\x2401a2079d-9460-7386-a4e4-e6e3a5384bf7"
"""An encoded message whose only field is an id."""


@dataclass(frozen=True)
class Load:
    """The parameters of the load process, which calls the server at `address` or renews leases in `database_url`."""

    seconds: float
    address: str = ""
    database_url: str = ""


async def measure(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Figure]:
    """Run the measurement and return the figure."""
    async with harness.start_harness() as bench:
        return await _measure(bench, rounds, seconds)


async def _measure(bench: Harness, rounds: int, seconds: float) -> list[Figure]:
    url = await bench.database("proctorium_session")
    limit = await bench.start_limit(_MODULE)
    ours, limits = [], []
    for _ in range(rounds):
        limits.append(await harness.load(_MODULE, asdict(Load(seconds, address=limit))))
        ours.append(await harness.load(_MODULE, asdict(Load(seconds, database_url=url))))
    return [throughput("presence", "renewals/s", Sample.median(ours), Sample.median(limits))]


async def _renew(load: Load) -> None:
    """Run the worker repeatedly, each time when all leases are due for renewal; print the sample as JSON."""
    database = Database(load.database_url)
    lease, clock = Lease(), Clock()
    presence = Presence(database, new_id(), lease, clock)
    session = open_lobby(new_id(), capacity=LEARNERS)
    with ExitStack() as streams:
        for each in await fill(database, session, [new_id() for _ in range(LEARNERS)]):
            streams.enter_context(presence.stream(each))
        await presence.run()  # the first run shows every learner as connected
        durations, start = [], time.perf_counter()
        while time.perf_counter() < start + load.seconds:
            clock.now += lease.length.total_seconds() / 2
            run_start = time.perf_counter()
            await presence.run()
            durations.append(time.perf_counter() - run_start)
        seconds = time.perf_counter() - start
    await database.close()
    sample = Sample.of(durations, seconds)
    print(json.dumps(asdict(Sample(sample.per_second * LEARNERS, sample.p99_ms))))


class Clock:
    """A clock whose time the measurement sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def _run_load(load: Load) -> None:
    """Call the echo server with 16 concurrent clients; each client starts a call when its previous call has ended."""
    channels = harness.connections(load.address, CONNECTIONS)
    await harness.run_clients(
        [partial(_echo, channels[nth % CONNECTIONS]) for nth in range(AT_ONCE)], load.seconds
    )


async def _echo(opened: grpc.aio.Channel, until: float) -> list[float]:
    echo: Callable[..., Awaitable[bytes]] = opened.unary_unary(f"/{_BARE_SERVICE}/Echo")
    latencies = []
    while (began := time.perf_counter()) < until:
        await echo(_HEARTBEAT)
        latencies.append(time.perf_counter() - began)
    return latencies


async def _serve_limit(address: str) -> None:
    async def echo(request: bytes, context: object) -> bytes:
        return request

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
    await harness.serve_limit(address, _BARE_SERVICE, {"Echo": handler})


def main(arguments: Sequence[str]) -> None:
    """Run the bare server, the load process or the whole measurement."""
    match arguments:
        case ["limit", address]:
            uvloop.run(_serve_limit(address))
        case ["load"]:
            load = Load(**json.loads(sys.stdin.read()))
            uvloop.run(_run_load(load) if load.address else _renew(load))
        case _:
            harness.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
