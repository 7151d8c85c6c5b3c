"""Output of messages as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import TypeVar

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Item = TypeVar("Item", bound=Message)
Page = TypeVar("Page")
Command = TypeVar("Command", bound=Callable[..., object])
Columns = Mapping[str, Callable[[Item], str]]


def output_option(command: Command) -> Command:
    """Add the option `--output` to a command."""
    return click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        envvar="PROCTORIUM_OUTPUT",
        help="The form of the output.",
    )(command)


def limit_option(command: Command) -> Command:
    """Add the option `--limit` to a command."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 100_000),
        default=100,
        show_default=True,
        help="The maximum number of lines.",
    )(command)


async def first(
    pages: AsyncIterator[Page], items: Callable[[Page], Iterable[Item]], limit: int
) -> list[Item]:
    """Return the first `limit` items of a list. If there are more, print a note to standard error."""
    found: list[Item] = []
    async for page in pages:
        found += items(page)
        if len(found) > limit:
            click.echo(f"Only the first {limit} are shown; --limit shows more.", err=True)
            break
    return found[:limit]


def print_list(found: Sequence[Item], columns: Columns[Item], output: str) -> None:
    """Print one line for each item."""
    if output == "json":
        _print_json([MessageToDict(each) for each in found])
        return
    rows = [[cell(each) for cell in columns.values()] for each in found]
    _print_table([list(columns), *rows])


def print_one(item: Item, columns: Columns[Item], output: str) -> None:
    """Print one line for each column of an item."""
    if output == "json":
        _print_json(MessageToDict(item))
        return
    _print_table([[name, cell(item)] for name, cell in columns.items()])


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    printable = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*printable, strict=True)]
    for row in printable:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _printable(text: str) -> str:
    """Return `text` without characters that would control the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def time(moment: Timestamp) -> str:
    """Return a time in UTC with seconds, or an empty text if the time is absent."""
    if not moment.seconds:
        return ""
    return moment.ToDatetime(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def value(name: str, prefix: str) -> str:
    """Return the name of an enum value without the prefix of the enum, such as `in-progress`."""
    return name.removeprefix(prefix).lower().replace("_", "-")
