"""Puts the demo world into a running stack: an administrator by the operator's command, everything else through the edge as that administrator."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from proctorium_devstack.demo import world
from proctorium_devstack.processes import ComponentFailedError, run
from proctorium_devstack.stack import Stack
from proctorium_devstack.supervisor import Event, Tell

_PART = "demo data"
_COMMAND_TIMEOUT = 60.0


@dataclass(frozen=True)
class DemoData:
    """What a person needs to know of it: `sign_ins` are role, e-mail and password; `code` is None where there is no session."""

    code: str | None
    sign_ins: tuple[tuple[str, str, str], ...]


async def load(stack: Stack, tell: Tell = lambda _: None) -> DemoData:
    """Make sure it is there; what is there already stays as it is. ComponentFailedError when a service refuses."""
    began = time.monotonic()
    administrator = world.ADMINISTRATOR
    words = [
        "create-administrator",
        "--email",
        administrator.email,
        "--legal-name",
        administrator.name,
        "--password-stdin",
    ]
    command = stack.assembly.command_of("enrollment", words)
    await run(replace(command, told=administrator.password.encode()), _COMMAND_TIMEOUT)
    try:
        made = await world.load(stack.address("edge"))
    except Exception as refused:
        raise ComponentFailedError(_PART, f"{type(refused).__name__}: {refused}") from refused
    tell(Event(_PART, "loaded", time.monotonic() - began))
    sign_ins = tuple(
        (f"{each.role} {each.name}", each.email, each.password) for each in made.sign_ins
    )
    return DemoData(made.code, sign_ins)
