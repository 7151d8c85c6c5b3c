"""Presence: what it costs to keep learners shown as connected.

A learner sends no heartbeats: the open `WatchSession` stream is their presence, and each replica renews the leases of
all whose stream it holds, a statement for all of them and a commit. So what is measured is the service's own turn
(`operations/presence.py`) on a durable PostgreSQL with 1,000 streams open, run again and again as though half a lease
had passed each time: leases renewed a second, looking for whom to show otherwise included. The limit is what a
heartbeat that did nothing would cost: bare unary echoes a second, 16 at once.

`python -m e2e.bench.presence` prints the table. The other commands are the processes that it starts.
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

from e2e.bench import stage as parts
from e2e.bench.lobbies import fill, open_lobby
from e2e.bench.stage import Figure, Stage, Turn, throughput
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_session.operations.presence import Lease, Presence

LEARNERS = 1000
AT_ONCE, CONNECTIONS = 16, 4
ROUNDS = 3
SECONDS = 1.0
_MODULE = "e2e.bench.presence"
_BARE_SERVICE = "bench.Bare"
_HEARTBEAT = b"\n\x2401a2079d-9460-7386-a4e4-e6e3a5384bf7"
"""A message of one id."""


@dataclass(frozen=True)
class Load:
    """One turn: echoes asked of an address, or leases renewed in a database."""

    seconds: float
    address: str = ""
    database_url: str = ""


async def measure(*, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Figure]:
    """Runs everything."""
    async with parts.set_stage() as stage:
        return await _measure(stage, rounds, seconds)


async def _measure(stage: Stage, rounds: int, seconds: float) -> list[Figure]:
    url = await stage.database("proctorium_session")
    limit = await stage.start_limit(_MODULE)
    ours, limits = [], []
    for _ in range(rounds):
        limits.append(await parts.load(_MODULE, asdict(Load(seconds, address=limit))))
        ours.append(await parts.load(_MODULE, asdict(Load(seconds, database_url=url))))
    return [throughput("presence", "renewals/s", Turn.middle(ours), Turn.middle(limits))]


async def _renew(load: Load) -> None:
    """Turns with everybody's lease due."""
    database = Database(load.database_url)
    lease, clock = Lease(), Clock()
    presence = Presence(database, new_id(), lease, clock)
    session = open_lobby(new_id(), capacity=LEARNERS)
    with ExitStack() as streams:
        for each in await fill(database, session, [new_id() for _ in range(LEARNERS)]):
            streams.enter_context(presence.stream(each))
        await presence.run()  # shows everybody as connected
        turns, began = [], time.perf_counter()
        while time.perf_counter() < began + load.seconds:
            clock.now += lease.length.total_seconds() / 2
            turn_began = time.perf_counter()
            await presence.run()
            turns.append(time.perf_counter() - turn_began)
        seconds = time.perf_counter() - began
    await database.close()
    turn = Turn.of(turns, seconds)
    print(json.dumps(asdict(Turn(turn.per_second * LEARNERS, turn.p99_ms))))


class Clock:
    """Returns seconds; the measurement sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def _press(load: Load) -> None:
    """16 times side by side: the next heartbeat as soon as the last one was answered."""
    channels = parts.connections(load.address, CONNECTIONS)
    await parts.pressed(
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
    await parts.serve_limit(address, _BARE_SERVICE, {"Echo": handler})


def main(arguments: Sequence[str]) -> None:
    """One of the processes, or the whole measurement."""
    match arguments:
        case ["limit", address]:
            uvloop.run(_serve_limit(address))
        case ["load"]:
            load = Load(**json.loads(sys.stdin.read()))
            uvloop.run(_press(load) if load.address else _renew(load))
        case _:
            parts.print_table(asyncio.run(measure()))


if __name__ == "__main__":
    main(sys.argv[1:])
