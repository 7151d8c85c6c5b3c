"""Output in the terminal: progress, failures, and a summary of the running stack."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

import structlog

from proctorium_devstack.run_file import RunFile
from proctorium_devstack.supervisor import Event

Row = Sequence[str]


def show_only_warnings() -> None:
    """Hide this process's log lines below the level WARNING, so that the progress lines are easy to read."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class Console:
    """Writes lines to a terminal or a file, with colours only in a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = self._out.isatty()
        self._started = time.monotonic()

    def write_line(self, text: str = "") -> None:
        """Write one line. Ignore a failed write, because a closed terminal must not prevent an orderly stop."""
        with contextlib.suppress(OSError):
            print(text, file=self._out, flush=True)

    def write_event(self, event: Event) -> None:
        """Write an event of a component. After a failure, also write the last lines of the component's log."""
        duration = f"{event.seconds:6.1f} s" if event.seconds is not None else " " * 8
        self.write_line(f"  {event.component:<14}{duration}  {event.what}")
        for line in event.log:
            self.write_line(self._dim(f"      | {line[:200]}"))

    def write_summary(self, state: RunFile, code: str | None) -> None:
        """Write the addresses, the sign-ins and suggested commands. `code` is the enrollment code, or None."""
        seconds = time.monotonic() - self._started
        self.write_line()
        self.write_line(
            self._bold(
                f"Proctorium runs ({seconds:.1f} s). Ctrl-C stops it; its data is preserved until `make reset`."
            )
        )
        self.write_line()
        self._rows(_addresses(state))
        if state.sign_ins:
            self.write_line()
            self._rows([("Sign in as", "e-mail", "password"), *state.sign_ins])
        if code:
            self.write_line()
            self._rows([("Enrollment code", code, "of the session that starts soon")])
        self.write_line()
        self._rows([("Next", "make demo", "play one proctored session, with crashes in the middle"),
                    ("", "make doctor", "find problems of this machine, and their remedies"),
                    ("", "make test", "run all tests")])  # fmt: skip
        self.write_line()

    def _rows(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        widths = [
            max(len(row[column]) for row in rows if len(row) > column)
            for column in range(max(map(len, rows)))
        ]
        for row in rows:
            self.write_line(
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
    addresses = {
        name: f"localhost:{address.rpartition(':')[2]}" for name, address in state.addresses.items()
    }
    rows: list[tuple[str, str, str, str]] = [
        ("edge", "Web pages", "http://{}", "for learners, proctors and administrators"),
        ("edge", "gRPC, JSON", "{}", "in plaintext; gRPC-Web and JSON on the same port"),
        ("traces", "Traces", "http://{}", "all calls and events; also receives OTLP/HTTP"),
        (
            "mailbox",
            "Mailbox",
            "http://{}",
            f"all mail; receives SMTP on {addresses.get('smtp', '')}",
        ),
        ("postgres", "PostgreSQL", "{}", "one database for each service"),
        ("nats", "NATS", "nats://{}", "JetStream; TLS with a client certificate"),
    ]
    available: list[Row] = [
        (title, form.format(addresses[name]), what)
        for name, title, form, what in rows
        if name in addresses
    ]
    return [*available, ("Logs", f"{state.folder}/logs", "one file for each component")]
