"""`make topology`: generates `protos/proctorium/topology.json` and the README's diagram from the protos and the code.

The events of a service are read from the protos. The other data is read from the code of the service:

- A call of `service.channel("name")` names a service that the service calls.
- A call of `service.subscribe("consumer", {EventMessage: handler, ...})` defines a subscription.

This tool parses the code without executing it. Therefore the arguments of these calls must be literals.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from proctorium_common.topology import ServiceTopology, Subscription, Topology
from tools.checks.contract import Contract, read_contract
from tools.checks.sources import Source, read_sources, text_of

ROOT = Path(__file__).resolve().parent.parent
TOPOLOGY = Path("protos/proctorium/topology.json")
README = Path("README.md")
_DIAGRAM = re.compile(r"```mermaid\nflowchart LR\n.*?\n```", re.DOTALL)


@dataclass(frozen=True)
class Generated:
    """The generated topology, and the contradictions that were found between the protos and the code."""

    services: Topology
    findings: Sequence[str]


@dataclass(frozen=True)
class ServiceCode:
    """The code of a service: the folder in `services/`, the name of the package, and the source files."""

    folder: str
    package: str
    sources: Sequence[Source]

    @property
    def name(self) -> str:
        """The name of the service in protos, events and certificates."""
        return self.package.removeprefix("proctorium_")


def read_services(root: Path = ROOT) -> list[ServiceCode]:
    """Return the services of the repository that have a `__main__.py`, sorted by folder."""
    mains = sorted((root / "services").glob("*/src/*/__main__.py"))
    return [
        ServiceCode(main.parents[2].name, main.parent.name, read_sources(main.parents[1], root))
        for main in mains
    ]


def generate(codes: Sequence[ServiceCode], contract: Contract) -> Generated:
    """Return the topology of the services and all findings."""
    services: dict[str, ServiceTopology] = {}
    findings: list[str] = []
    made: set[str] = set()
    for code in codes:
        reader = _Reader(code, contract)
        services[code.name] = reader.read()
        findings += reader.findings
        made |= reader.made
    findings += (
        f"protos: {message} is an event, and no service makes it. Publish it, or remove the message."
        for message in sorted(contract.events.keys() - made)
    )
    return Generated(services, [*findings, *_check_access(services, contract)])


class _Reader:
    """A reader of the code of one service."""

    def __init__(self, code: ServiceCode, contract: Contract) -> None:
        self._code = code
        self._contract = contract
        self._calls: set[str] = set()
        self._subscriptions: dict[str, Subscription] = {}
        self.made: set[str] = set()
        self.findings: list[str] = []

    def read(self) -> ServiceTopology:
        """Return the service's topology. This call also fills the attributes `made` and `findings`."""
        for source in self._code.sources:
            for call in source.calls():
                self._read_call(source, call)
        name = self._code.name
        return ServiceTopology(
            name=name,
            folder=self._code.folder,
            package=self._code.package,
            calls=tuple(sorted(self._calls)),
            publishes=tuple(
                event for owner, event in self._contract.events.values() if owner == name
            ),
            subscriptions=tuple(self._subscriptions[key] for key in sorted(self._subscriptions)),
        )

    def _read_call(self, source: Source, call: ast.Call) -> None:
        match call:
            case ast.Call(func=ast.Attribute(attr="channel"), args=[name]):
                self._read_channel(source, name)
            case ast.Call(func=ast.Attribute(attr="subscribe"), args=[name, handlers]):
                self._read_subscription(source, name, handlers)
            case _:
                message = self._event_named(source, call.func)
                if message:
                    self._read_event(source, call, message)

    def _read_channel(self, source: Source, name: ast.expr) -> None:
        called = text_of(name)
        if called is None:
            self._find(source, name, 'write the name of the called service in .channel("name")')
        else:
            self._calls.add(called)

    def _read_subscription(self, source: Source, name: ast.expr, handlers: ast.expr) -> None:
        consumer = text_of(name)
        events = self._handled(source, handlers)
        if consumer is None or not consumer.startswith(f"{self._code.name}--"):
            self._find(source, name, f"name the consumer by a text {self._code.name}--<purpose>")
        elif events is None:
            self._find(
                source,
                handlers,
                f"write the handlers of {consumer} as a dict of event messages in the call itself",
            )
        elif len({owner for owner, _ in events}) != 1:
            self._find(
                source, handlers, f"{consumer} needs events of one owner: it reads one stream"
            )
        else:
            names = tuple(event for _, event in events)
            self._subscriptions[consumer] = Subscription(consumer, events[0][0], names)

    def _read_event(self, source: Source, call: ast.Call, message: str) -> None:
        owner, _ = self._contract.events[message]
        if owner == self._code.name:
            self.made.add(message)
        else:
            self._find(source, call, f"only {owner} may make {message}: call {owner} instead")

    def _handled(self, source: Source, handlers: ast.expr) -> list[tuple[str, str]] | None:
        if not isinstance(handlers, ast.Dict):
            return None
        messages = [self._event_named(source, key) if key else None for key in handlers.keys]
        return (
            None
            if None in messages
            else [self._contract.events[message] for message in messages if message]
        )

    def _event_named(self, source: Source, node: ast.expr) -> str | None:
        """Return the full name of the event message to which `node` refers, or None for other expressions."""
        package, _, rest = (source.dotted(node) or "").rpartition("_pb2.")
        name = f"{package.rpartition('.')[0]}.{rest}"
        return name if name in self._contract.events else None

    def _find(self, source: Source, node: ast.expr, sentence: str) -> None:
        self.findings.append(f"{source.at(node)}: {sentence}.")


def _check_access(services: Topology, contract: Contract) -> Iterator[str]:
    """Yield a finding for each call that no access option allows, and for each access option that no call uses."""
    for service in services.values():
        for called in service.calls:
            if service.name not in contract.allowed.get(called, frozenset()):
                yield f'{service.name} calls {called}, and no access option of {called} names "{service.name}".'
    for owner, callers in contract.allowed.items():
        for caller in sorted(callers):
            if caller not in services or owner not in services[caller].calls:
                yield f'An access option of {owner} names "{caller}", which does not call {owner}.'


def as_json(services: Topology) -> str:
    """Return the content of topology.json."""
    data = {name: asdict(service) for name, service in services.items()}
    for service in data.values():
        del service["name"]
    return json.dumps(data, indent=2) + "\n"


def diagram_of(services: Topology) -> str:
    """Return the diagram as a Mermaid flowchart with solid arrows for calls and dotted arrows for events."""
    return "\n".join(["```mermaid", "flowchart LR", *_lines(services), "```"])


def _lines(services: Topology) -> Iterator[str]:
    yield "  browser([browsers]) -- gRPC-Web --> edge{{edge: Envoy}}"
    yield "  client([clients]) -- gRPC, JSON --> edge"
    for service in services.values():
        store = "<br/>own PostgreSQL" if service.has_events else ""
        yield f'  {service.name}["<b>{service.folder}</b>{store}"]'
        yield f"  edge --> {service.name}"
    for service in services.values():
        for called in service.calls:
            yield f"  {service.name} -- calls --> {called}"
        for owner, aggregates in _consumed(service).items():
            yield f"  {owner} -. {', '.join(sorted(aggregates))} .-> {service.name}"


def _consumed(service: ServiceTopology) -> Mapping[str, set[str]]:
    """Return the aggregates whose events `service` consumes. The keys are the services that own the aggregates."""
    consumed: dict[str, set[str]] = {}
    for subscription in service.subscriptions:
        aggregates = {event.partition(".")[0] for event in subscription.events}
        consumed.setdefault(subscription.owner, set()).update(aggregates)
    return consumed


def with_diagram(readme: str, services: Topology) -> str:
    """Return the text of the README, in which the diagram is replaced by the diagram of `services`."""
    return _DIAGRAM.sub(lambda _: diagram_of(services), readme)


def check(root: Path = ROOT) -> Iterator[str]:
    """Yield all findings of the topology, and a finding for each generated file that is outdated."""
    generated = generate(read_services(root), read_contract())
    yield from generated.findings
    readme = (root / README).read_text("utf-8")
    if (root / TOPOLOGY).read_text("utf-8") != as_json(generated.services):
        yield f"{TOPOLOGY} is out of date: run `make topology`."
    if with_diagram(readme, generated.services) != readme:
        yield f"The diagram in {README} is out of date: run `make topology`."


def main() -> int:
    """Write the generated files and return 0. If there are findings, print them, write no files and return 1."""
    generated = generate(read_services(), read_contract())
    if generated.findings:
        print("\n".join(generated.findings), file=sys.stderr)
        return 1
    (ROOT / TOPOLOGY).write_text(as_json(generated.services), encoding="utf-8")
    readme = (ROOT / README).read_text("utf-8")
    (ROOT / README).write_text(with_diagram(readme, generated.services), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
