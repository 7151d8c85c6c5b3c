"""The command `proctorium`: its groups of commands, and its errors.

The exit code is 0 for success, 1 for a failure, and 2 for a wrong argument. Errors are printed to standard error.
"""

from __future__ import annotations

from typing import Any

import click

from proctorium.client import CallError
from proctorium_cli.deliveries import deliveries
from proctorium_cli.evidence_accesses import evidence_accesses
from proctorium_cli.failures import CommandError, sentence
from proctorium_cli.receipts import receipt
from proctorium_cli.records import record
from proctorium_cli.sessions import sessions
from proctorium_cli.signing_in import sign_in, sign_out, whoami


class _Commands(click.Group):
    """A group of commands that prints a sentence for each expected error, and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and convert each expected error to CommandError."""
        try:
            return super().invoke(ctx)
        except CallError as error:
            raise CommandError(sentence(error)) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"{error.filename or 'System'}: {error.strerror}.") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Operate Proctorium. Run `proctorium sign-in` first; `receipt verify` and `record verify` need no sign-in."""


for command in (
    sign_in,
    sign_out,
    whoami,
    sessions,
    deliveries,
    evidence_accesses,
    record,
    receipt,
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="proctorium")
