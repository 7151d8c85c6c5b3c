"""The components of a stack, their addresses, dependencies and environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from proctorium_common.topology import ServiceTopology, services
from proctorium_devstack.components.certificates import KeyPair, issue
from proctorium_devstack.components.component import Component, UnknownComponentError
from proctorium_devstack.components.edge import Edge, EdgeKeys
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.components.programs import Program, Service, WebProgram, python
from proctorium_devstack.data_folder import DataFolder
from proctorium_devstack.edge import Address, ClientTls, EdgeSettings, Upstream
from proctorium_devstack.environment import PORTAL, edge_keys_environment, environment_of
from proctorium_devstack.ports import LOOPBACK, PortPlan
from proctorium_devstack.processes import Command

GRPC_SERVICES = tuple(name for name in services() if name != PORTAL)
EDGE_KEYS = "edge-keys"
ALL_COMPONENTS = (
    "postgres",
    "nats",
    "traces",
    "mailbox",
    *GRPC_SERVICES,
    PORTAL,
    EDGE_KEYS,
    "edge",
)
OPERATOR = "operator"
"""The name in the certificate of the stack itself. With this certificate, the stack may call only health checks."""

_DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(GRPC_SERVICES, ("postgres", "nats")),
    EDGE_KEYS: ("enrollment",),
    "edge": (*GRPC_SERVICES, PORTAL, EDGE_KEYS),
}
# Enrollment starts before all other services. The other services become ready only after enrollment has sent them the
# keys for checking tokens.
_START_AFTER: Mapping[str, tuple[str, ...]] = {
    name: ("enrollment",) for name in GRPC_SERVICES if name != "enrollment"
}
_LISTENERS: Mapping[str, tuple[str, ...]] = {
    "edge": ("edge", "edge-admin"),
    EDGE_KEYS: (),
    "mailbox": ("mailbox", "smtp"),
}


@dataclass(frozen=True)
class Assembly:
    """The components of one stack. The components are created, but not started."""

    data_folder: DataFolder
    ports: PortPlan
    components: Mapping[str, Component]
    postgres: Postgres
    nats: Nats
    environments: Mapping[str, Mapping[str, str]]
    """The environment variables of each service and of the portal, by name."""

    def command_of(self, service: str, arguments: Sequence[str]) -> Command:
        """Return the command `python -m <package> …` of a service. The service's log receives the command's output."""
        program = Program(services()[service].package, arguments, self.environments[service])
        return python(f"{service} {arguments[0]}", self.data_folder.log_file(service), program)

    @property
    def listeners(self) -> list[str]:
        """The listeners of the components in this stack, by their names in the port plan."""
        return listeners_of(self.components)

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each listener, as `host:port`."""
        return {name: f"{LOOPBACK}:{self.ports[name]}" for name in self.listeners}


def assemble(
    data_folder: DataFolder,
    ports: PortPlan,
    requested: Iterable[str] | None = None,
    *,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Assembly:
    """Create the `requested` components and their dependencies, or all components if `requested` is None.

    `settings` are environment variables for all services. They override the variables that the stack sets.
    """
    names = with_dependencies(requested)
    certificates = issue(data_folder.certificates, [*GRPC_SERVICES, PORTAL, "edge", OPERATOR])
    postgres = Postgres(
        data_folder.component_folder("postgres"),
        ports["postgres"],
        data_folder.log_file("postgres"),
        durable=durable,
    )
    nats = DeclaredNats(
        data_folder.component_folder("nats"),
        ports["nats"],
        data_folder.log_file("nats"),
        certificates=data_folder.certificates,
    )
    factory = _Factory(data_folder, ports, certificates, postgres, nats, names, settings or {})
    components: dict[str, Component] = {}
    for name in ALL_COMPONENTS:
        if name in names:
            components[name] = factory.component(name)
    environments = {
        name: factory.environment(services()[name]) for name in names if name in services()
    }
    return Assembly(data_folder, ports, components, postgres, nats, environments)


class DeclaredNats(Nats):
    """A NATS server that declares the streams and consumers of the topology when it is ready."""

    async def on_ready(self) -> None:
        """Declare the streams and consumers. Existing streams retain their messages."""
        await self.declare()


@dataclass(frozen=True)
class _Factory:
    """A factory of components. It has the parameters that the components share, such as ports and certificates."""

    data_folder: DataFolder
    ports: PortPlan
    certificates: Mapping[str, KeyPair]
    postgres: Postgres
    nats: Nats
    names: frozenset[str]
    settings: Mapping[str, str]

    def component(self, name: str) -> Component:
        """Create the component `name` and return it."""
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
                return EdgeKeys(
                    self.data_folder.log_file(name), program, self._token_check, _DEPENDENCIES[name]
                )
            case "portal":
                topology = services()[PORTAL]
                program = Program(topology.package, ["serve"], self.environment(topology))
                return WebProgram(
                    name, self.data_folder.log_file(name), program, self.ports[name], self._sinks
                )
            case _:
                return self._service(services()[name])

    def _web(self, name: str, module: str, arguments: list[str]) -> Component:
        store = self.data_folder.component_folder(name) / f"{name}.sqlite"
        program = Program(module, [*arguments, "--store", str(store)], {})
        return WebProgram(name, self.data_folder.log_file(name), program, self.ports[name])

    def _service(self, topology: ServiceTopology) -> Component:
        return Service(
            topology.name,
            self.data_folder.log_file(topology.name),
            Program(topology.package, ["serve"], self.environment(topology)),
            port=self.ports[topology.name],
            identity=self.certificates[OPERATOR],
            migrate=partial(self.postgres.ensure_migrated, topology.name, topology.package),
            dependencies=(*_DEPENDENCIES[topology.name], *self._sinks),
            start_after=_START_AFTER.get(topology.name, ()),
        )

    def _edge(self) -> Component:
        edge = self.certificates["edge"]
        settings = EdgeSettings(
            listen=self._at("edge"),
            admin=self._at("edge-admin"),
            services=tuple(Upstream(name, self._at(name)) for name in GRPC_SERVICES),
            portal=self._at(PORTAL),
            client=ClientTls(str(edge.certificate), str(edge.key), str(edge.authority)),
            token_check=str(self._token_check),
            upload_folder=str(self.data_folder.component_folder("edge")),
            tracing=self._at("traces") if "traces" in self.names else None,
        )
        return Edge(
            self.data_folder.component_folder("edge"),
            settings,
            self.data_folder.log_file("edge"),
            _DEPENDENCIES["edge"],
        )

    @property
    def _token_check(self) -> Path:
        """The file with the keys for checking tokens.

        The folder of this file contains no other files, because Envoy watches the folder for changes.
        """
        return self.data_folder.component_folder(EDGE_KEYS) / "token_check.json"

    @property
    def _sinks(self) -> tuple[str, ...]:
        """The components that receive spans or mails. They must stop after the components that send spans or mails."""
        return tuple(name for name in ("traces", "mailbox") if name in self.names)

    def _at(self, name: str) -> Address:
        return Address(LOOPBACK, self.ports[name])

    def environment(self, topology: ServiceTopology) -> dict[str, str]:
        """Return the environment variables of a service."""
        variables = environment_of(
            topology,
            self.data_folder,
            self.ports,
            self.certificates[topology.name],
            traced="traces" in self.names,
        )
        if topology.name != PORTAL:
            variables["PROCTORIUM_DATABASE_URL"] = self.postgres.url(topology.name)
            variables["PROCTORIUM_NATS_URL"] = self.nats.url
        return variables | dict(self.settings)


def listeners_of(components: Iterable[str]) -> list[str]:
    """Return the listeners of the given components, by their names in the port plan."""
    return [listener for name in components for listener in _LISTENERS.get(name, (name,))]


def with_dependencies(requested: Iterable[str] | None) -> frozenset[str]:
    """Return the names of the `requested` components and their dependencies. None stands for all components.

    Raises UnknownComponentError if a requested component does not exist.
    """
    names: set[str] = set()
    waiting = list(requested if requested is not None else ALL_COMPONENTS)
    while waiting:
        name = waiting.pop()
        if name not in ALL_COMPONENTS:
            raise UnknownComponentError(
                f"there is no component {name}; the components are {', '.join(ALL_COMPONENTS)}"
            )
        if name not in names:
            names.add(name)
            waiting += (*_DEPENDENCIES.get(name, ()), *_START_AFTER.get(name, ()))
    return frozenset(names)
