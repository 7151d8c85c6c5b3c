"""The wiring of a service: its servicers, subscribers, workers and dependencies, and their health checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

import grpc

from proctorium_common.clock import Clock, utc_now
from proctorium_common.events.backlog import EventBacklog
from proctorium_common.events.broker import Broker
from proctorium_common.events.envelope import name_of
from proctorium_common.events.handling import Handlers
from proctorium_common.events.relay import Relay
from proctorium_common.events.subscriber import Subscriber
from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.process.workers import Background, Run, Worker
from proctorium_common.rpc.admission import EDGE
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.rpc.health import Check, Health, Probe, Weight
from proctorium_common.rpc.methods import AddToServer, Servicer
from proctorium_common.rpc.server import Endpoint, Server
from proctorium_common.security.keys import Fetch, KeyRing, PublicKey
from proctorium_common.security.revocations import Revocations
from proctorium_common.security.tls import Certificates
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.storage import migrations
from proctorium_common.storage.database import Database
from proctorium_common.storage.keys import DatabaseKeyStore
from proctorium_common.storage.listen import Listener
from proctorium_common.storage.pool_metrics import observe_pools
from proctorium_common.storage.retention import purge
from proctorium_common.storage.revocations import CHANNEL, DatabaseRevocations
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLog
from proctorium_common.topology import ServiceTopology, callers_of, services

S = TypeVar("S", bound=ServiceSettings)

_PURGE_EVERY = timedelta(minutes=10)
_COUNT_EVERY = timedelta(seconds=15)
_BROKER_ROLES = (ProcessRole.RELAY, ProcessRole.SUBSCRIBE)


class WiringError(Exception):
    """The wiring of a service differs from the generated topology, or is incomplete."""


class Service(Generic[S]):
    """A service in this process.

    The `build` function of the service adds servicers, subscribers, workers and other parts. `life.running` and `main`
    run the service.
    """

    def __init__(
        self,
        package: str,
        settings: S,
        telemetry: Telemetry,
        call_log: CallLog,
        *,
        clock: Clock = utc_now,
        keys: KeyRing | None = None,
        topology: ServiceTopology | None = None,
    ) -> None:
        """Create the parts that every service has. Raises SettingsError, WiringError.

        `keys` and `topology` are for tests. `keys` is used instead of the key ring that `keys_from` fills. `topology`
        is used instead of the entry of the service in the topology.
        """
        self.package = package
        self.topology = topology or topology_of(package)
        self.name = self.topology.name
        self.settings = settings
        self.clock = clock
        self.telemetry = telemetry
        self.call_log = call_log
        self.certificates: Certificates | None = settings.certificates()
        self.database = Database(
            settings.database_url,
            clock=clock,
            pool_size=settings.database_pool,
            application=f"proctorium-{self.name}",
        )
        self.listener = Listener(self.database)
        self.broker = Broker(settings.nats_url, settings.broker_identity(self.name))
        relay = Relay(self.database, self.broker, self.listener, metrics=telemetry.metrics)
        self.relay = Background("relay", relay.run)
        self.health = Health(
            telemetry.metrics, interval_seconds=settings.check_every.total_seconds()
        )
        self.subscribers: list[Subscriber] = []
        # The subscribers and workers of the roles of this process.
        self.parts: list[Subscriber | Worker] = []
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self._channels: dict[str, Channel] = {}
        self._at_head = False
        self._fetch_keys: Fetch | None = None
        self.keys = keys or KeyRing(
            self._keys_in_use, store=DatabaseKeyStore(self.database), clock=clock
        )
        self.revocations = Revocations(DatabaseRevocations(self.database).load)
        self.server = Server(
            Endpoint(settings.listen, self.certificates, self._peers()),
            telemetry=telemetry,
            tokens=TokenVerifier(self.keys, clock=clock, revocations=self.revocations),
            health=self.health,
            call_log=call_log,
            limits=settings.limits(),
            probe_address=settings.probe_address,
            revocations=self.revocations,
        )
        self._add_checks()
        self.worker("purge", _PURGE_EVERY, self._purge)
        self._add_metrics()

    # The following methods are for `build` functions.

    def rpc(self, add_to_server: AddToServer[Servicer], servicer: Servicer) -> None:
        """Serve `servicer`, if this process has the role `serve`.

        Raises MissingAccessRuleError if a method has no access rule in its proto.
        """
        if self.has_role(ProcessRole.SERVE):
            self.server.add(add_to_server, servicer)

    def subscribe(self, consumer: str, handlers: Handlers) -> None:
        """Handle the events of `consumer` with `handlers`, if this process has the role `subscribe`.

        Another process of the service may handle an event, so handlers change only the database and nothing in memory.
        `make topology` parses the calls of this method, so the name of the consumer and the dict of handlers must be
        literals. Raises WiringError if the events in `handlers` differ from the events of the consumer in the topology.
        """
        self._check_events(consumer, handlers)
        subscriber = Subscriber(
            self.database, self.broker, consumer, handlers, metrics=self.telemetry.metrics
        )
        self.subscribers.append(subscriber)
        if not self.has_role(ProcessRole.SUBSCRIBE):
            return
        self.parts.append(subscriber)

        async def consuming() -> None:
            if not subscriber.is_consuming:
                raise RuntimeError("is not consuming events")

        self.check(f"subscriber {consumer}", consuming, Weight.DEGRADING)

    def worker(
        self,
        name: str,
        every: timedelta,
        run: Run,
        *,
        roles: Collection[ProcessRole] = (ProcessRole.WORK,),
    ) -> None:
        """Call `run` repeatedly, with a pause of `every` between runs, if this process has one of `roles`.

        A worker that needs the memory of the process that serves calls has the role `serve`. A failed run is logged,
        and does not end the worker.
        """
        if not self.has_role(*roles):
            return
        worker = Worker(name, every, run)
        self.parts.append(worker)
        self.check(f"worker {name}", worker.probe, Weight.DEGRADING)

    def channel(self, service: str) -> grpc.aio.Channel:
        """Return the channel to another service.

        `make topology` parses the calls of this method, so the name must be a literal. Raises WiringError if the
        topology does not contain a call from this service to `service`, and SettingsError if the address is not set.
        """
        if service not in self.topology.calls:
            raise WiringError(f"{self.name} does not call {service}: run `make topology`.")
        if service not in self._channels:
            self._channels[service] = channel(
                self.settings.address_of(service),
                certificates=self.certificates,
                server=service,
                metrics=self.telemetry.metrics,
                default_deadline=self.settings.call_deadline,
            )
        return self._channels[service]

    def keys_from(self, fetch: Fetch, *, stored: bool = True) -> None:
        """Use the signing keys that `fetch` returns, and store them in the database if `stored` is true."""
        self._fetch_keys = fetch
        if not stored:
            self.keys.do_not_store()

    def check(self, name: str, probe: Probe, weight: Weight = Weight.REQUIRED) -> None:
        """Add a health check. `weight` determines whether a failure makes the service not ready or only degraded."""
        self.health.add(Check(name, probe, weight))

    def on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Register `close`, which is called after the last RPC and before the database is closed.

        The registered functions are called in reverse order of registration.
        """
        self.closing.append(close)

    # The following methods are for the lifecycle of the service (`life.py`).

    def has_role(self, *roles: ProcessRole) -> bool:
        """Return whether this process has at least one of `roles`."""
        return not self.settings.process_roles.isdisjoint(roles)

    @property
    def uses_broker(self) -> bool:
        """Whether this process connects to NATS."""
        return self.has_role(*_BROKER_ROLES)

    def require_complete(self) -> None:
        """Raise WiringError if `keys_from` was not called, or SettingsError if the address of a service is not set."""
        if self._fetch_keys is None:
            raise WiringError(f"{self.name} has no signing keys: call `keys_from` in `build`.")
        for called in self.topology.calls:
            self.channel(called)

    @property
    def address(self) -> str:
        """The host:port of the server. The port is known only after the server has started to listen."""
        return f"{self.settings.listen.rpartition(':')[0]}:{self.server.port}"

    async def close_channels(self) -> None:
        """Close the connections to other services."""
        for opened in self._channels.values():
            await opened.close()

    async def _keys_in_use(self) -> Sequence[PublicKey]:
        assert self._fetch_keys is not None, "`assemble` checks it"
        return await self._fetch_keys()

    async def _purge(self) -> None:
        await purge(self.database)

    def _peers(self) -> frozenset[str]:
        if self.settings.allowed_peers is not None:
            return self.settings.allowed_peers
        return callers_of(self.name) | {EDGE}

    def _add_checks(self) -> None:
        self.check("database", self.database.ping)
        self.check("migrations", self._migrated)
        if self.has_role(ProcessRole.SERVE):
            self.check("signing keys", self._keys_present)
            self.check("revocations", self._revocations_loaded)
        if self.uses_broker:
            self.check(
                "nats",
                self._connected,
                Weight.REQUIRED if self.settings.nats_required else Weight.DEGRADING,
            )
        if self.has_role(ProcessRole.RELAY):
            self.check("relay", self.relay.probe, Weight.DEGRADING)

    def _add_metrics(self) -> None:
        observe_pools(self.database, self.telemetry.metrics)
        backlog = EventBacklog(self.database, self.broker, self.subscribers)
        backlog.observe(self.telemetry.metrics)
        # Every process with a connection to NATS counts, so that the numbers are also known if no relay is running.
        self.worker("event-backlog", _COUNT_EVERY, backlog.run, roles=_BROKER_ROLES)

    async def _migrated(self) -> None:
        # Check the revision of the database only until the check has succeeded once, because a newer version of the
        # service may migrate the database while this version is still serving.
        if not self._at_head:
            if not await migrations.at_head(self.settings.database_url, self.package):
                raise RuntimeError("the database is not migrated: run the command `migrate`")
            self._at_head = True

    async def _keys_present(self) -> None:
        if not self.keys.has_keys:
            raise RuntimeError("no signing keys are loaded yet, so no token can be verified")

    async def follow_revocations(self) -> None:
        """Keep the in-memory copy of the revocations up to date with the database."""
        async with self.listener.subscribe(CHANNEL) as notifications:
            await self.revocations.follow(notifications)

    async def _revocations_loaded(self) -> None:
        if not self.revocations.loaded:
            raise RuntimeError("the revocations are not loaded yet, so no token is accepted")

    async def _connected(self) -> None:
        if not self.broker.is_connected:
            raise RuntimeError("not connected: events stay in the outbox")

    def _check_events(self, consumer: str, handlers: Handlers) -> None:
        declared = {
            subscription.consumer: subscription for subscription in self.topology.subscriptions
        }
        if consumer not in declared:
            raise WiringError(f"{self.name} has no consumer {consumer}: run `make topology`.")
        names = [name_of(event.DESCRIPTOR) for event in handlers]
        handled = {f"{name.aggregate}.{name.action}" for name in names}
        wanted = set(declared[consumer].events)
        if handled != wanted:
            raise WiringError(
                f"{consumer} handles {sorted(handled)}, the topology has {sorted(wanted)}: run `make topology`."
            )


def topology_of(package: str) -> ServiceTopology:
    """Return the topology entry of the service with this package. Raises WiringError if there is no such entry."""
    for service in services().values():
        if service.package == package:
            return service
    raise WiringError(f"{package} is not a service of the topology.")
