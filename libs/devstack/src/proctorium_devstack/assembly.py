"""Which parts a stack has, how each is reached, and what each is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from proctorium_common.topology import ServiceTopology, services
from proctorium_devstack.edge import Address, ClientTls, EdgeSettings, Upstream
from proctorium_devstack.environment import PORTAL, edge_keys_environment, environment_of
from proctorium_devstack.folders import Folders
from proctorium_devstack.parts.certificates import KeyPair, issue
from proctorium_devstack.parts.edge import Edge, EdgeKeys
from proctorium_devstack.parts.nats import Nats
from proctorium_devstack.parts.part import Part
from proctorium_devstack.parts.postgres import Postgres
from proctorium_devstack.parts.programs import Program, Service, WebProgram, python
from proctorium_devstack.ports import LOOPBACK, PortPlan
from proctorium_devstack.processes import Command

GRPC_SERVICES = tuple(name for name in services() if name != PORTAL)
EDGE_KEYS = "edge-keys"
ALL_PARTS = ("postgres", "nats", "traces", "mailbox", *GRPC_SERVICES, PORTAL, EDGE_KEYS, "edge")
OPERATOR = "operator"
"""The identity that the stack itself shows to services: it may ask for their health, and nothing else."""

_NEEDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(GRPC_SERVICES, ("postgres", "nats")),
    EDGE_KEYS: ("enrollment",),
    "edge": (*GRPC_SERVICES, PORTAL, EDGE_KEYS),
}
# Only enrollment can say whose tokens are good: the others are not ready for the first time before they have heard that.
_AFTER: Mapping[str, tuple[str, ...]] = {
    name: ("enrollment",) for name in GRPC_SERVICES if name != "enrollment"
}
_LISTENERS: Mapping[str, tuple[str, ...]] = {
    "edge": ("edge", "edge-admin"),
    EDGE_KEYS: (),
    "mailbox": ("mailbox", "smtp"),
}


class UnknownComponentError(Exception):
    """A part was asked for that there is none of."""


@dataclass(frozen=True)
class Assembly:
    """The parts of one stack, made but not started."""

    folders: Folders
    ports: PortPlan
    parts: Mapping[str, Part]
    postgres: Postgres
    nats: Nats
    environments: Mapping[str, Mapping[str, str]]
    """What each of the services and the portal is told."""

    def command_of(self, service: str, arguments: Sequence[str]) -> Command:
        """An operator's command of a service (`python -m <package> …`), logged where the service logs."""
        program = Program(services()[service].package, arguments, self.environments[service])
        return python(f"{service} {arguments[0]}", self.folders.log(service), program)

    @property
    def listeners(self) -> list[str]:
        """The names in the port plan that these parts listen on."""
        return listeners_of(self.parts)

    @property
    def addresses(self) -> dict[str, str]:
        """`host:port` of each listener."""
        return {name: f"{LOOPBACK}:{self.ports[name]}" for name in self.listeners}


def assemble(
    folders: Folders,
    ports: PortPlan,
    wanted: Iterable[str] | None = None,
    *,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Assembly:
    """Make the parts named in `wanted` and those they need; all of them when it is None.

    `settings` are environment variables that all services get, over those that the stack decides.
    """
    names = with_needs(wanted)
    certificates = issue(folders.certificates, [*GRPC_SERVICES, PORTAL, "edge", OPERATOR])
    postgres = Postgres(
        folders.of("postgres"), ports["postgres"], folders.log("postgres"), durable=durable
    )
    nats = Broker(
        folders.of("nats"), ports["nats"], folders.log("nats"), certificates=folders.certificates
    )
    making = _Making(folders, ports, certificates, postgres, nats, names, settings or {})
    parts: dict[str, Part] = {}
    for name in ALL_PARTS:
        if name in names:
            parts[name] = making.part(name)
    environments = {
        name: making.environment(services()[name]) for name in names if name in services()
    }
    return Assembly(folders, ports, parts, postgres, nats, environments)


class Broker(Nats):
    """NATS with the streams and consumers of the topology."""

    async def settle(self) -> None:
        """Declare what is missing; what is there keeps its messages."""
        await self.declare()


@dataclass(frozen=True)
class _Making:
    """What is known while parts are made."""

    folders: Folders
    ports: PortPlan
    certificates: Mapping[str, KeyPair]
    postgres: Postgres
    nats: Nats
    names: frozenset[str]
    settings: Mapping[str, str]

    def part(self, name: str) -> Part:
        """The part of that name."""
        match name:
            case "postgres":
                return self.postgres
            case "nats":
                return self.nats
            case "traces":
                return self._web(
                    name, "proctorium_devstack.traces", ["--port", str(self.ports["traces"])]
                )
            case "mailbox":
                smtp = ["--smtp", str(self.ports["smtp"])]
                return self._web(
                    name,
                    "proctorium_devstack.mailbox",
                    [*smtp, "--page", str(self.ports["mailbox"])],
                )
            case "edge":
                return self._edge()
            case "edge-keys":
                program = Program(
                    "proctorium_access.edge_keys",
                    [],
                    edge_keys_environment(self.ports, self.certificates["edge"], self._token_check),
                )
                return EdgeKeys(self.folders.log(name), program, self._token_check, _NEEDS[name])
            case "portal":
                topology = services()[PORTAL]
                program = Program(topology.package, ["serve"], self.environment(topology))
                return WebProgram(
                    name, self.folders.log(name), program, self.ports[name], self._told_to
                )
            case _:
                return self._service(services()[name])

    def _web(self, name: str, module: str, arguments: list[str]) -> Part:
        store = self.folders.of(name) / f"{name}.sqlite"
        program = Program(module, [*arguments, "--store", str(store)], {})
        return WebProgram(name, self.folders.log(name), program, self.ports[name])

    def _service(self, topology: ServiceTopology) -> Part:
        return Service(
            topology.name,
            self.folders.log(topology.name),
            Program(topology.package, ["serve"], self.environment(topology)),
            port=self.ports[topology.name],
            identity=self.certificates[OPERATOR],
            migrate=partial(self.postgres.migrated, topology.name, topology.package),
            needs=(*_NEEDS[topology.name], *self._told_to),
            after=_AFTER.get(topology.name, ()),
        )

    def _edge(self) -> Part:
        edge = self.certificates["edge"]
        settings = EdgeSettings(
            listen=self._at("edge"),
            admin=self._at("edge-admin"),
            services=tuple(Upstream(name, self._at(name)) for name in GRPC_SERVICES),
            portal=self._at(PORTAL),
            client=ClientTls(str(edge.certificate), str(edge.key), str(edge.authority)),
            token_check=str(self._token_check),
            upload_folder=str(self.folders.of("edge")),
            tracing=self._at("traces") if "traces" in self.names else None,
        )
        return Edge(self.folders.of("edge"), settings, self.folders.log("edge"), _NEEDS["edge"])

    @property
    def _token_check(self) -> Path:
        """By what the edge checks tokens: alone in its folder, which Envoy watches."""
        return self.folders.of(EDGE_KEYS) / "token_check.json"

    @property
    def _told_to(self) -> tuple[str, ...]:
        """Who takes the spans and mails of services, to the last: they end after those who send."""
        return tuple(name for name in ("traces", "mailbox") if name in self.names)

    def _at(self, name: str) -> Address:
        return Address(LOOPBACK, self.ports[name])

    def environment(self, topology: ServiceTopology) -> dict[str, str]:
        """What a service is told."""
        told = environment_of(
            topology,
            self.folders,
            self.ports,
            self.certificates[topology.name],
            traced="traces" in self.names,
        )
        if topology.name != PORTAL:
            told["PROCTORIUM_DATABASE_URL"] = self.postgres.url(topology.name)
            told["PROCTORIUM_NATS_URL"] = self.nats.url
        return told | dict(self.settings)


def listeners_of(parts: Iterable[str]) -> list[str]:
    """Return the names in the port plan that these parts listen on."""
    return [listener for name in parts for listener in _LISTENERS.get(name, (name,))]


def with_needs(wanted: Iterable[str] | None) -> frozenset[str]:
    """Return the parts in `wanted`, or all when it is None, and those that they need. Raises UnknownComponentError."""
    names: set[str] = set()
    waiting = list(wanted if wanted is not None else ALL_PARTS)
    while waiting:
        name = waiting.pop()
        if name not in ALL_PARTS:
            raise UnknownComponentError(
                f"there is no part {name}: there are {', '.join(ALL_PARTS)}"
            )
        if name not in names:
            names.add(name)
            waiting += (*_NEEDS.get(name, ()), *_AFTER.get(name, ()))
    return frozenset(names)
