"""The command `receipt verify`."""

from __future__ import annotations

import json
from typing import IO

import click

from proctorium_cli.failures import CommandError
from proctorium_cli.receipt_chain import find_problem, verdict


@click.group()
def receipt() -> None:
    """Verify the receipts of saved answers."""


@receipt.command("verify")
@click.argument("file", type=click.File(encoding="utf-8"))
def verify(file: IO[str]) -> None:
    """Verify whether stored receipts agree with each other and with the answers, without a connection.

    docs/architecture/answers.md describes the file. Use - for standard input.
    """
    try:
        stored = json.load(file)
        problem = find_problem(stored)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise CommandError(
            "The file does not have the form that docs/architecture/answers.md describes."
        ) from None
    if problem is not None:
        raise CommandError(problem)
    click.echo(verdict(stored))
