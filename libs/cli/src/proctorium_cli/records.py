"""The commands `record export` and `record verify`."""

from __future__ import annotations

import asyncio
import json
from typing import IO

import click
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from proctorium.client import Client, pages
from proctorium.session.v1.supervision_pb2 import GetRecordRequest, RecordEntry
from proctorium_cli.failures import CommandError
from proctorium_cli.record_chain import broken
from proctorium_cli.sign_in_file import signed_in

_NOT_SIGNED = "The record is not signed"


@click.group()
def record() -> None:
    """Export the session record, and verify its hash chain."""


@record.command("export")
@click.argument("session_id")
@click.option("--file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
def export(session_id: str, file: IO[str]) -> None:
    """Write the session record to a file or to standard output. The access is logged."""

    async def run(client: Client) -> list[RecordEntry]:
        listed = pages(
            client.record.GetRecord, GetRecordRequest(session_id=session_id, page_size=1000)
        )
        return [entry async for page in listed for entry in page.entries]

    entries = asyncio.run(signed_in(run))
    exported = {"sessionId": session_id, "entries": [MessageToDict(entry) for entry in entries]}
    file.write(json.dumps(exported, indent=2) + "\n")


@record.command("verify")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--last-hash", metavar="HEX", help="The hash of the last entry, from another source.")
def verify(file: IO[str], last_hash: str | None) -> None:
    """Verify the hash chain of an exported record, without a connection.

    The chain shows whether an entry was changed, removed or inserted. Records are not signed, so the chain cannot show
    that entries at the end were removed, or that the whole record was replaced. Compare the last hash with a copy from
    another source (--last-hash) to find out.
    """
    session_id, entries = _read(file)
    if not entries:
        raise CommandError("The file contains no entries.")
    number = broken(session_id, entries)
    if number is not None:
        raise CommandError(f"Entry {number} was changed after it was recorded.")
    found = entries[-1].hash.hex()
    if last_hash is not None and last_hash.lower() != found:
        raise CommandError(f"The chain is intact, but its last hash is {found}.")
    click.echo(f"The chain of {len(entries)} entries is intact. The last hash is {found}.")
    if last_hash is None:
        click.echo(
            f"{_NOT_SIGNED}: compare the last hash with a copy from another source (--last-hash)."
        )
    else:
        click.echo(f"{_NOT_SIGNED}. The last hash is the given one.")


def _read(file: IO[str]) -> tuple[str, list[RecordEntry]]:
    try:
        content = json.load(file)
        entries = [ParseDict(entry, RecordEntry()) for entry in content["entries"]]
        return str(content["sessionId"]), entries
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ParseError):
        raise CommandError(
            "The file is not a record that `proctorium record export` wrote."
        ) from None
