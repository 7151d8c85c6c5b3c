"""The file with the sign-in of this user: the address of the edge, and the tokens.

The file is `proctorium/sign-in.json` in `$XDG_STATE_HOME` (by default `~/.local/state`). Only the user can read it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from proctorium.client import Client
from proctorium.enrollment.v1.accounts_pb2 import Tokens
from proctorium_cli.failures import CommandError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Edge:
    """The edge: its `host:port`, whether it is called without TLS, and the file of its certificate authority."""

    address: str
    plaintext: bool
    authority: str | None

    def client(
        self, tokens: Tokens | None, on_tokens: Callable[[Tokens | None], None] = lambda _: None
    ) -> Client:
        """Return a client of the edge. Raises UsageError if the edge is on another machine and TLS is not used."""
        roots = Path(self.authority).read_bytes() if self.authority else None
        try:
            return Client(
                self.address,
                plaintext=self.plaintext,
                root_certificates=roots,
                tokens=tokens,
                on_tokens=on_tokens,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def path() -> Path:
    """Return the path of the file."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "proctorium" / "sign-in.json"


def store(edge: Edge, tokens: Tokens | None) -> None:
    """Replace the file in one step, or remove it if `tokens` is None."""
    file = path()
    if tokens is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {
        "edge": edge.address,
        "plaintext": edge.plaintext,
        "authority": edge.authority,
        "tokens": MessageToDict(tokens),
    }
    # Only the user may read a file from mkstemp.
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        json.dump(content, opened)
    Path(temporary).replace(file)


def load() -> tuple[Edge, Tokens]:
    """Return the stored sign-in. Raises CommandError if there is none."""
    try:
        content = json.loads(path().read_text("utf-8"))
        edge = Edge(content["edge"], content["plaintext"], content["authority"])
        return edge, ParseDict(content["tokens"], Tokens())
    except FileNotFoundError:
        raise CommandError("You are not signed in. Run `proctorium sign-in`.") from None
    except (ValueError, KeyError, TypeError, ParseError):
        raise CommandError(f"{path()} is damaged. Run `proctorium sign-in`.") from None


async def signed_in(run: Callable[[Client], Awaitable[Result]]) -> Result:
    """Return the result of `run` with a client that continues the stored sign-in, and store renewed tokens."""
    edge, tokens = load()
    async with edge.client(tokens, lambda renewed: store(edge, renewed)) as client:
        return await run(client)
