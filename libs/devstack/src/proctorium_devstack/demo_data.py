"""Load the demo data into a running stack.

A command of enrollment creates an administrator. Then calls to the edge, signed in as this administrator, create all
other data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from proctorium_devstack.demo import seed
from proctorium_devstack.processes import ComponentFailedError, run
from proctorium_devstack.stack import Stack
from proctorium_devstack.supervisor import Event, EventListener

_COMPONENT = "demo data"
_COMMAND_TIMEOUT = 60.0


@dataclass(frozen=True)
class DemoData:
    """The demo data that a user needs: the enrollment code and the sign-ins.

    The code is None if there is no demo session. A sign-in consists of three texts: role and name, e-mail, password.
    """

    code: str | None
    sign_ins: tuple[tuple[str, str, str], ...]


async def load(stack: Stack, on_event: EventListener = lambda _: None) -> DemoData:
    """Create the missing demo data. Raises ComponentFailedError if a call fails."""
    started_at = time.monotonic()
    administrator = seed.ADMINISTRATOR
    arguments = [
        "create-administrator",
        "--email",
        administrator.email,
        "--legal-name",
        administrator.name,
        "--password-stdin",
    ]
    command = stack.assembly.command_of("enrollment", arguments)
    await run(replace(command, stdin=administrator.password.encode()), _COMMAND_TIMEOUT)
    try:
        loaded = await seed.load(stack.address("edge"))
    except Exception as failure:
        raise ComponentFailedError(_COMPONENT, f"{type(failure).__name__}: {failure}") from failure
    on_event(Event(_COMPONENT, "loaded", time.monotonic() - started_at))
    sign_ins = tuple(
        (f"{each.role} {each.name}", each.email, each.password) for each in loaded.sign_ins
    )
    return DemoData(loaded.code, sign_ins)
