"""Checks in the running containers which of them has which secret, and what NATS refuses them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from typing import Protocol

from e2e.demo import Narrator, hold
from proctorium_common.topology import services

ISSUER, AUTHORITY = "certificates", "authority"
HOLDERS = (*(name for name in services() if name != "portal"), "edge", "nats", "streams")
_PARTS_OF = {"edge": {"edge", "edge-keys"}}
"""The containers of an identity that has more than one."""
_SUFFIX = "-certificate"

PROVOKED = re.compile(
    r"TLS handshake error: .*client didn't provide a certificate"
    r"|Publish Violation .*(evt\.enrollment\.person\.certified\.v1\.any|STREAM\.DELETE\.ENROLLMENT)"
)
"""What NATS and session log of the refusals that are provoked here."""

# Without a certificate: TLS, an introduction, and what the server says to it.
_NAMELESS = """
import socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    with socket.create_connection(("nats", 4222), 5) as plain, context.wrap_socket(plain) as stream:
        stream.sendall(b'CONNECT {"verbose":false,"lang":"test","version":"1"}\\r\\nPING\\r\\n')
        said = b"".join(iter(lambda: stream.recv(4096), b""))
except OSError as refused:
    said = repr(refused).encode()
print("PONG" if b"PONG" in said else "refused")
"""

# As the service that the container belongs to: publish one of enrollment's events, and delete a stream.
_FORGER = """
import asyncio
from proctorium_common.process.settings import BrokerSettings

async def main():
    settings, refused = BrokerSettings(), []
    identity = settings.broker_identity("session")
    async def note(error): refused.append(str(error))
    client = identity.client()
    await client.connect(settings.nats_url, **identity.options(), error_cb=note, allow_reconnect=False)
    for subject in ("evt.enrollment.person.certified.v1.any", "$JS.API.STREAM.DELETE.ENROLLMENT"):
        await client.publish(subject, b"")
    await client.flush()
    await client.close()
    print(len([one for one in refused if "permissions violation" in one.lower()]), "refused")

asyncio.run(main())
"""


class Project(Protocol):
    """The operations on running containers that the checks need."""

    async def compose(self, *words: str, told: str = "") -> str:
        """Run `docker compose` with these arguments and return its output."""
        ...

    async def state_of(self, name: str, what: str) -> str:
        """What `docker inspect` says of a part's container."""
        ...


async def look_at_secrets(containers: Project, narrator: Narrator) -> None:
    """Check that only its identity has each certificate, and that NATS enforces it. Raises CheckFailedError."""
    mounted = await _mounted(containers)
    for name in HOLDERS:
        holders = mounted.get(f"{name}{_SUFFIX}", set())
        hold(
            holders == {*_PARTS_OF.get(name, {name}), ISSUER},
            f"the certificate of {name} is mounted by it alone: {sorted(holders)}",
        )
    hold(mounted.get(AUTHORITY) == {ISSUER}, "the authority's key is in one container")
    state = await containers.state_of(ISSUER, "{{.State.Status}}")
    hold(state == "exited", f"the container with the authority's key has ended: {state}")
    narrator.say("each certificate is mounted by its identity alone, the authority's key by nobody")
    nameless = await _python(containers, "mailbox", _NAMELESS)
    hold(nameless == "refused", f"NATS takes nobody without a certificate: {nameless}")
    forger = await _python(containers, "session", _FORGER)
    hold(forger == "2 refused", f"NATS lets nobody publish for others or delete streams: {forger}")
    narrator.say("NATS refused a container without a certificate, and session what is enrollment's")


async def _mounted(containers: Project) -> Mapping[str, Set[str]]:
    """The parts that mount each volume, by the volume's name in the compose file."""
    mounted: dict[str, set[str]] = {}
    for name in (await containers.compose("ps", "--all", "--services")).split():
        for mount in json.loads(await containers.state_of(name, "{{json .Mounts}}")):
            if mount["Type"] == "volume":
                mounted.setdefault(mount["Name"].partition("_")[2], set()).add(name)
    return mounted


async def _python(containers: Project, name: str, program: str) -> str:
    """The last line that `program` prints in a part's container."""
    told = await containers.compose("exec", "--no-TTY", name, "python", "-", told=program)
    return (told.strip().splitlines() or ["nothing"])[-1]
