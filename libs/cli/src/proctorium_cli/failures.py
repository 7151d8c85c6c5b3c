"""The error of a command, and sentences for the errors of calls."""

from __future__ import annotations

from typing import IO, Any

import click

from proctorium.client import CallError

_ENDED = frozenset({"REFRESH_TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_INVALID", "TOKEN_MISSING"})


class CommandError(click.ClickException):
    """A command that failed, with the sentence that standard error shows. The exit code is 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence."""
        click.echo(self.message, err=True)


def sentence(error: CallError) -> str:
    """Return what went wrong and what to do next."""
    if error.reason in _ENDED:
        return "The sign-in has ended. Run `proctorium sign-in`."
    if error.reason == error.code.name:
        return (
            f"The edge did not respond ({error.reason}). Is the address right, and does it use TLS?"
        )
    fields = "".join(f" {each.field}: {each.description}" for each in error.violations)
    return f"{error.message}{fields}"
