"""The table of who asks whom and who listens to what (`proctorium_common.topology`) against protos and code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from proctorium_common.topology import ServiceTopology
from tools.checks.contract import Contract
from tools.checks.sources import Source, text_of

_TABLE = "libs/common/src/proctorium_common/topology.py"


@dataclass(frozen=True)
class Doings:
    """What the code of one service does with others, each with the place where it does it."""

    asks: Mapping[str, str]
    publishes: Mapping[str, str]
    listens: Mapping[str, Subscribing]


@dataclass(frozen=True)
class Subscribing:
    """One `subscribe` call: the full names of the events that it has handlers for; None where they are not spelled out."""

    place: str
    events: frozenset[str] | None


def check_table(services: Mapping[str, ServiceTopology], contract: Contract) -> Iterator[str]:
    """Sentences about where the table and the protos disagree."""
    named = {owner: set(service.publishes) for owner, service in services.items()}
    in_protos: dict[str, set[str]] = {owner: set() for owner in services}
    for message, (owner, event) in contract.events.items():
        in_protos.setdefault(owner, set()).add(event)
        if event not in named.get(owner, set()):
            yield f'{_TABLE}: {message} is an event; add "{event}" to what {owner} publishes.'
    for service in services.values():
        for event in sorted(named[service.name] - in_protos[service.name]):
            yield (
                f'{_TABLE}: {service.name} publishes "{event}", and no message of proctorium.{service.name}.events.v1 '
                f"is that event. Write the message, or take the event from the table."
            )
        yield from _check_subscriptions(service, named)
        yield from _check_asks(service, services, contract)
    yield from _check_allowed(services, contract)


def _check_subscriptions(service: ServiceTopology, named: Mapping[str, set[str]]) -> Iterator[str]:
    for subscription in service.subscriptions:
        if not subscription.consumer.startswith(f"{service.name}--"):
            yield f"{_TABLE}: the consumer {subscription.consumer} of {service.name} must begin with {service.name}--."
        for event in subscription.events:
            if event not in named.get(subscription.owner, set()):
                yield (
                    f'{_TABLE}: {subscription.consumer} listens to "{event}", which {subscription.owner} does not publish.'
                )


def _check_asks(
    service: ServiceTopology, services: Mapping[str, ServiceTopology], contract: Contract
) -> Iterator[str]:
    for asked in service.asks:
        if asked not in services:
            yield f"{_TABLE}: {service.name} asks {asked}, which is no service."
        elif service.name not in contract.allowed.get(asked, frozenset()):
            yield (
                f"{_TABLE}: {service.name} asks {asked}, and no method of {asked} lets it in. Add "
                f'"{service.name}" to the access option of the method, or take {asked} from what {service.name} asks.'
            )


def _check_allowed(services: Mapping[str, ServiceTopology], contract: Contract) -> Iterator[str]:
    for owner, callers in contract.allowed.items():
        for caller in sorted(callers):
            if caller not in services:
                yield f'protos of {owner}: an access option lets in "{caller}", which is no service of the table.'
            elif owner not in services[caller].asks:
                yield (
                    f"{_TABLE}: a method of {owner} lets {caller} in, and {caller} does not ask {owner}. Add it to the "
                    f"asks of {caller}, or take it from the access option."
                )


def doings_of(sources: Iterable[Source], contract: Contract) -> Doings:
    """What the code in `sources` asks, publishes (an event message that it makes) and listens to."""
    asks: dict[str, str] = {}
    publishes: dict[str, str] = {}
    listens: dict[str, Subscribing] = {}
    for source in sources:
        for call in source.calls():
            event = _event_named(source, call.func, contract)
            if event:
                publishes.setdefault(event, source.at(call))
            match call:
                case ast.Call(func=ast.Attribute(attr="channel"), args=[name]) if text := text_of(
                    name
                ):
                    asks.setdefault(text, source.at(call))
                case ast.Call(func=ast.Attribute(attr="subscribe"), args=[name, handlers]) if (
                    text := text_of(name)
                ):
                    events = _handled(source, handlers, contract)
                    listens[text] = Subscribing(source.at(call), events)
    return Doings(asks, publishes, listens)


def check_doings(service: ServiceTopology, doings: Doings, contract: Contract) -> Iterator[str]:
    """Sentences about where the table and the code of `service` disagree."""
    yield from _differences(
        service,
        "asks",
        found=doings.asks,
        stated=service.asks,
        cure='service.channel("{name}")',
    )
    yield from _check_published(service, doings, contract)
    yield from _differences(
        service,
        "listens by",
        found={consumer: subscribing.place for consumer, subscribing in doings.listens.items()},
        stated=[subscription.consumer for subscription in service.subscriptions],
        cure='service.subscribe("{name}", ...)',
    )
    for subscription in service.subscriptions:
        if subscribing := doings.listens.get(subscription.consumer):
            stated = frozenset(_messages(contract, subscription.owner, subscription.events))
            yield from _check_handled(subscription.consumer, subscribing, stated)


def _check_published(service: ServiceTopology, doings: Doings, contract: Contract) -> Iterator[str]:
    own = {
        message: place
        for message, place in doings.publishes.items()
        if contract.events[message][0] == service.name
    }
    for message in doings.publishes.keys() - own.keys():
        yield (
            f"{doings.publishes[message]}: {service.name} makes {message}, which only its owner may. "
            f"Ask the owner by gRPC, or publish a fact of your own."
        )
    yield from _differences(
        service,
        "publishes",
        found={contract.events[message][1]: place for message, place in own.items()},
        stated=service.publishes,
        cure="transaction.record() of {name}",
    )


def _differences(
    service: ServiceTopology,
    verb: str,
    *,
    found: Mapping[str, str],
    stated: Iterable[str],
    cure: str,
) -> Iterator[str]:
    named = set(stated)
    for name in sorted(found.keys() - named):
        yield f'{found[name]}: {service.name} {verb} "{name}" here, and the table does not say so: add it to {_TABLE}.'
    for name in sorted(named - found.keys()):
        yield (
            f'{_TABLE}: {service.name} {verb} "{name}", and nothing in services/{service.folder}/src does: '
            f"there is no {cure.format(name=name)}. Write it, or take it from the table."
        )


def _check_handled(
    consumer: str, subscribing: Subscribing, stated: frozenset[str]
) -> Iterator[str]:
    if subscribing.events is None:
        yield (
            f"{subscribing.place}: write the handlers of {consumer} as a dict of message classes in the call itself, "
            f"so that this check and the next reader see which events it takes."
        )
        return
    for message in sorted(subscribing.events - stated):
        yield f"{subscribing.place}: {consumer} handles {message}, which the table does not send it: add it to {_TABLE}."
    for message in sorted(stated - subscribing.events):
        yield f"{subscribing.place}: the table sends {message} to {consumer}, and no handler takes it."


def _messages(contract: Contract, owner: str, events: Sequence[str]) -> Iterator[str]:
    return (
        message
        for message, event in contract.events.items()
        if event[0] == owner and event[1] in events
    )


def _handled(source: Source, handlers: ast.expr, contract: Contract) -> frozenset[str] | None:
    if not isinstance(handlers, ast.Dict):
        return None
    keys = [_event_named(source, key, contract) if key else None for key in handlers.keys]
    return None if None in keys else frozenset(key for key in keys if key)


def _event_named(source: Source, node: ast.expr, contract: Contract) -> str | None:
    """The full name of the event message that `node` names, as the protos spell it (without the Python module)."""
    dotted = source.dotted(node) or ""
    package, _, rest = dotted.rpartition("_pb2.")
    name = f"{package.rpartition('.')[0]}.{rest}"
    return name if name in contract.events else None
