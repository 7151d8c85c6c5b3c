"""What people read in the terminal: progress, trouble, and the table at the end."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

from proctorium_devstack.run_file import RunFile
from proctorium_devstack.supervisor import Event

Row = Sequence[str]


class Console:
    """Prints; colours only where a person looks."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = self._out.isatty()
        self._began = time.monotonic()

    def say(self, text: str = "") -> None:
        """One line. That the terminal is gone must not hold up the end of what it started."""
        with contextlib.suppress(OSError):
            print(text, file=self._out, flush=True)

    def tell(self, event: Event) -> None:
        """A line about a part: what happened, after how long; and what its log says where it failed."""
        took = f"{event.seconds:6.1f} s" if event.seconds is not None else " " * 8
        self.say(f"  {event.part:<14}{took}  {event.what}")
        for line in event.log:
            self.say(self._dim(f"      | {line[:200]}"))

    def table(self, state: RunFile, code: str | None) -> None:
        """Where everything is, who can sign in, and what to do next."""
        seconds = time.monotonic() - self._began
        self.say()
        self.say(
            self._bold(
                f"Proctorium runs ({seconds:.1f} s). Ctrl-C ends it; its data stays until `make reset`."
            )
        )
        self.say()
        self._rows(_addresses(state))
        if state.sign_ins:
            self.say()
            self._rows([("Sign in as", "e-mail", "password"), *state.sign_ins])
        if code:
            self.say()
            self._rows([("Enrollment code", code, "of the session that is about to begin")])
        self.say()
        self._rows([("Next", "make demo", "one proctored session, line by line, with a crash in the middle"),
                    ("", "make doctor", "what is wrong, and the cure"),
                    ("", "make test", "all tests")])  # fmt: skip
        self.say()

    def _rows(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        widths = [
            max(len(row[column]) for row in rows if len(row) > column)
            for column in range(max(map(len, rows)))
        ]
        for row in rows:
            self.say(
                "  "
                + "   ".join(
                    cell.ljust(width) for cell, width in zip(row, widths, strict=False)
                ).rstrip()
            )

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._colour else text

    def _dim(self, text: str) -> str:
        return f"\033[2m{text}\033[0m" if self._colour else text


def _addresses(state: RunFile) -> list[Row]:
    known = {
        name: f"localhost:{address.rpartition(':')[2]}" for name, address in state.addresses.items()
    }
    rows: list[tuple[str, str, str, str]] = [
        ("edge", "Web pages", "http://{}", "for learners, proctors and administrators"),
        ("edge", "gRPC, JSON", "{}", "in plaintext; gRPC-Web and JSON on the same port"),
        ("traces", "Traces", "http://{}", "every call and event; takes OTLP/HTTP too"),
        ("mailbox", "Mailbox", "http://{}", f"every mail; takes SMTP on {known.get('smtp', '')}"),
        ("postgres", "PostgreSQL", "{}", "one database for each service"),
        ("nats", "NATS", "nats://{}", "JetStream; TLS with a client certificate"),
    ]
    shown: list[Row] = [
        (title, form.format(known[name]), what) for name, title, form, what in rows if name in known
    ]
    return [*shown, ("Logs", f"{state.folder}/logs", "one file for each part")]
