"""The harness that runs the measurements, and the figures that a measurement returns.

PostgreSQL, NATS, the services and the limits run on one core, and the load runs on another core.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc

from proctorium_access.token_check import token_check
from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.security.keys import PublicKey
from proctorium_common.security.tls import Certificates
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_devstack.assembly import GRPC_SERVICES
from proctorium_devstack.components.edge import Edge
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.edge import Address, ClientTls, EdgeSettings, Upstream
from proctorium_devstack.ports import LOOPBACK, free_ports

MASTER_KEY = bytes(32)
NOBODY = "127.0.0.1:1"
"""An address at which no process listens."""

_READY_SECONDS = 60.0
DURABLE = True
"""Whether PostgreSQL writes commits to the disk. Only tests, which do not check figures, set this to False."""


class PlainNats(Nats):
    """NATS without TLS and without users, because most services and limits are measured without TLS."""

    def access(self) -> str:
        """Return an empty text instead of access rules, so that every client may connect."""
        return ""

    def identity(self, name: str) -> BrokerIdentity:
        """Return an identity without a certificate."""
        return BrokerIdentity(name)


_SERVERS, _LOAD = 0, 1


@dataclass(frozen=True)
class Figure:
    """One line of the table of results; `ratio` is `figure` divided by `limit`."""

    name: str
    figure: float
    unit: str
    limit: float
    ratio: float

    @classmethod
    def of(cls, name: str, unit: str, figure: float, limit: float) -> Figure:
        """Return a line of the table, with `figure` and `limit` rounded."""
        return cls(name, round(figure, 2), unit, round(limit, 2), round(figure / limit, 3))


@dataclass(frozen=True)
class Sample:
    """The throughput (calls per second) and the 99th percentile of the latency in one run of the load."""

    per_second: float
    p99_ms: float

    @classmethod
    def of(cls, latencies: Sequence[float], seconds: float) -> Sample:
        """Return the sample of a run that took `seconds`; `latencies` contains the latency of each call in seconds."""
        ordered = sorted(latencies)
        return cls(len(ordered) / seconds, ordered[int(len(ordered) * 0.99)] * 1000)

    @classmethod
    def median(cls, samples: Sequence[Sample]) -> Sample:
        """Return a sample with the median throughput and the median of the 99th percentiles."""
        return cls(
            statistics.median(sample.per_second for sample in samples),
            statistics.median(sample.p99_ms for sample in samples),
        )


def throughput(name: str, unit: str, ours: Sample, limit: Sample) -> Figure:
    """Return a figure that compares the calls per second of the service to the calls per second of the limit."""
    return Figure.of(name, unit, ours.per_second, limit.per_second)


def slowest(name: str, ours: Sample, limit: Sample) -> Figure:
    """Return a figure that compares the service's latency to the limit's latency, each as the 99th percentile."""
    return Figure.of(f"{name}_p99", "ms", ours.p99_ms, limit.p99_ms)


def print_table(figures: Sequence[Figure]) -> None:
    """Print the figures as a table."""
    print(f"{'name':<24}{'figure':>11}{'limit':>11}{'ratio':>8}  unit")
    for each in figures:
        print(f"{each.name:<24}{each.figure:>11}{each.limit:>11}{each.ratio:>8}  {each.unit}")


@dataclass(frozen=True)
class Harness:
    """PostgreSQL with fsync, NATS, and the processes that a measurement has started."""

    folder: Path
    postgres: Postgres
    broker: Nats
    _started: AsyncExitStack

    async def database(self, package: str, keys: Sequence[PublicKey] = ()) -> str:
        """Create and migrate the database of a service, and store the public `keys` in it; return the URL."""
        url = await self.postgres.ensure_migrated(package.removeprefix("proctorium_"), package)
        database = Database(url)
        try:
            if keys:
                await DatabaseKeyStore(database).save(keys)
        finally:
            await database.close()
        return url

    def tls(self, name: str) -> dict[str, str]:
        """Return the settings with which the service `name` uses its certificate."""
        pair = self.broker.pair(name)
        return {
            "TLS_CERTIFICATE": str(pair.certificate),
            "TLS_KEY": str(pair.key),
            "TLS_AUTHORITY": str(pair.authority),
        }

    async def serve(
        self,
        package: str,
        database_url: str,
        settings: Mapping[str, str] | None = None,
        *,
        arguments: Sequence[str] = (),
    ) -> str:
        """Start a service with all features enabled, and return the address of the service.

        The names in `settings` do not have the prefix PROCTORIUM_.
        """
        address = f"127.0.0.1:{free_ports(1)[0]}"
        all_settings = {
            "DATABASE_URL": database_url,
            "NATS_URL": self.broker.url,
            "LISTEN": address,
            "ENROLLMENT_ADDRESS": NOBODY,
            "ASSESSMENT_ADDRESS": NOBODY,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{NOBODY}",
            "OTEL_TRACES_SAMPLER_ARG": "0.01",
            "LOG_FORMAT": "json",
            "MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "DRAIN_WAIT": "0",
            **(settings or {}),
        }
        await self._start(package, arguments or ["-m", package], all_settings, address)
        return address

    async def serve_edge(self, services: Mapping[str, str], keys: Sequence[PublicKey]) -> str:
        """Start an edge that forwards to `services` and accepts tokens signed by `keys`; return its address."""
        listen, admin, portal = free_ports(3)
        folder = self.folder / f"edge-{listen}"
        # Envoy watches the folder of this file. Use a separate folder, so that changes of other files have no effect.
        check = folder / "keys" / "token_check.json"
        check.parent.mkdir(parents=True)
        check.write_text(token_check(keys, complete=True), encoding="utf-8")
        pair = self.broker.pair("edge")
        settings = EdgeSettings(
            listen=Address(LOOPBACK, listen),
            admin=Address(LOOPBACK, admin),
            services=tuple(
                Upstream(name, _address(services.get(name, NOBODY))) for name in GRPC_SERVICES
            ),
            portal=Address(LOOPBACK, portal),
            client=ClientTls(str(pair.certificate), str(pair.key), str(pair.authority)),
            token_check=str(check),
            upload_folder=str(folder),
        )
        edge = Edge(folder, settings, folder / "edge.log", dependencies=())
        await edge.start()
        self._started.push_async_callback(edge.stop)
        assert edge.process is not None
        _pin(edge.process.pid, _SERVERS)
        return f"{LOOPBACK}:{listen}"

    async def start_limit(self, module: str, *arguments: str) -> str:
        """Start a bare server with `python -m <module> limit <address> …`; return the address of the server."""
        address = f"127.0.0.1:{free_ports(1)[0]}"
        await self._start(module, ["-m", module, "limit", address, *arguments], {}, address)
        return address

    async def _start(
        self, name: str, arguments: Sequence[str], settings: Mapping[str, str], address: str
    ) -> None:
        environment = {
            setting if setting.startswith("OTEL_") else f"PROCTORIUM_{setting}": value
            for setting, value in settings.items()
        }
        log_file = self.folder / f"{name}.log"
        with log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )
            _pin(process.pid, _SERVERS)
        self._started.push_async_callback(_end, process)
        if not await _listening(address, process):
            raise RuntimeError(f"{name} exited: {log_file.read_text('utf-8')[-2000:]}")


@asynccontextmanager
async def start_harness(
    *, streams: bool = True, broker: type[Nats] = PlainNats
) -> AsyncIterator[Harness]:
    """Yield a harness whose processes end at the end of the block.

    If `streams` is true, the NATS streams of all services are declared. If the services use certificates, `broker` must
    be `Nats`.
    """
    folder = Path(tempfile.mkdtemp(prefix="proctorium-bench-"))
    folder.chmod(0o711)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres_port, nats_port = free_ports(2)
        postgres = Postgres(
            folder / "postgres", postgres_port, folder / "postgres.log", durable=DURABLE
        )
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        nats = broker(folder / "nats", nats_port, folder / "nats.log")
        await nats.start()
        stack.push_async_callback(nats.stop)
        if streams:
            await nats.declare()
        yield Harness(folder, postgres, nats, await stack.enter_async_context(AsyncExitStack()))


async def load(module: str, parameters: object) -> Sample:
    """Run `python -m <module> load`, which reads `parameters` and prints a sample; return the sample."""
    async with load_process(module) as process:
        out, _ = await process.communicate(json.dumps(parameters).encode())
    if process.returncode:
        raise RuntimeError("the load failed; its output is above")
    return Sample(**json.loads(out))


@asynccontextmanager
async def load_process(module: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m <module> load` on the core of the load; stop the process at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, "load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    _pin(process.pid, _LOAD)
    try:
        yield process
    finally:
        await _end(process)


ClientRun = Callable[[float], Awaitable[list[float]]]
"""A client: it makes calls until `time.perf_counter()` has the given value, and returns each latency in seconds."""


async def run_clients(clients: Sequence[ClientRun], seconds: float) -> Sample:
    """Run all clients concurrently for `seconds`; return the sample, and also print it so that `load` can read it."""
    start = time.perf_counter()
    latencies = await asyncio.gather(*(client(start + seconds) for client in clients))
    sample = Sample.of(
        [each for of_client in latencies for each in of_client], time.perf_counter() - start
    )
    print(json.dumps(asdict(sample)))
    return sample


def connections(
    address: str, count: int, certificates: Certificates | None = None, server: str = ""
) -> list[grpc.aio.Channel]:
    """Return `count` bare channels, each with its own connection.

    If `certificates` is given, the channels use TLS and expect the certificate of `server`.
    """
    options: list[tuple[str, int | str]] = [("grpc.use_local_subchannel_pool", 1)]
    if certificates is None:
        return [grpc.aio.insecure_channel(address, options) for _ in range(count)]
    options.append(("grpc.ssl_target_name_override", server))
    return [grpc.aio.secure_channel(address, certificates.client(), options) for _ in range(count)]


async def serve_limit(
    address: str,
    service: str,
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]],
    secure: str = "",
    certificates: Certificates | None = None,
) -> None:
    """Serve `methods` at `address` until the process ends.

    If `certificates` is given, also serve the methods with TLS at the address `secure`.
    """
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    server.add_insecure_port(address)
    if certificates is not None:
        server.add_secure_port(secure, certificates.server())
    await server.start()
    await server.wait_for_termination()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def _listening(address: str, process: asyncio.subprocess.Process) -> bool:
    """Wait until the process listens at `address` and return True; return False if the process exits instead."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(_READY_SECONDS):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return True
    return False


def _address(of: str) -> Address:
    host, _, port = of.rpartition(":")
    return Address(host, int(port))


def _pin(pid: int, core: int) -> None:
    """Pin a process and all its later threads to one core. Do nothing if the machine has only one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {cores[core]})
