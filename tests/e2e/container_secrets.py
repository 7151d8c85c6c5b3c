"""Check that each container has only its own secrets, and that NATS refuses clients without permission."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from typing import Protocol

from e2e.demo import Output
from e2e.exam_day import check
from proctorium_common.topology import services

ISSUER, AUTHORITY = "certificates", "authority"
HOLDERS = (*(name for name in services() if name != "portal"), "edge", "nats", "streams")
_PARTS_OF = {"edge": {"edge", "edge-keys"}}
"""The names of the containers of each identity that more than one container uses."""
_SUFFIX = "-certificate"

PROVOKED = re.compile(
    r"TLS handshake error: .*client didn't provide a certificate"
    r"|Publish Violation .*(evt\.enrollment\.person\.certified\.v1\.any|STREAM\.DELETE\.ENROLLMENT)"
)
"""Matches log lines from NATS and the session service about refusals that these checks cause deliberately."""

# A program that connects without a certificate and prints whether NATS accepts the client.
_NO_CERTIFICATE = """
import socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    with socket.create_connection(("nats", 4222), 5) as plain, context.wrap_socket(plain) as stream:
        stream.sendall(b'CONNECT {"verbose":false,"lang":"test","version":"1"}\\r\\nPING\\r\\n')
        response = b"".join(iter(lambda: stream.recv(4096), b""))
except OSError as error:
    response = repr(error).encode()
print("PONG" if b"PONG" in response else "refused")
"""

# A program that connects with the certificate of the session service, and tries to publish an event of enrollment and
# to delete a stream. It prints how many of these actions were refused.
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
    """The operations on the running containers that the checks need."""

    async def compose(self, *words: str, stdin: str = "") -> str:
        """Run `docker compose` with these arguments and return its output."""
        ...

    async def state_of(self, name: str, what: str) -> str:
        """Return the output of `docker inspect` with the format `what` for the container `name`."""
        ...


async def check_secrets(containers: Project, output: Output) -> None:
    """Check which containers mount each certificate, and what NATS permits; raise CheckFailedError if a check fails."""
    mounted = await _mounted(containers)
    for name in HOLDERS:
        holders = mounted.get(f"{name}{_SUFFIX}", set())
        check(
            holders == {*_PARTS_OF.get(name, {name}), ISSUER},
            f"only {name} mounts its certificate: {sorted(holders)}",
        )
    check(mounted.get(AUTHORITY) == {ISSUER}, "the authority's key is in one container")
    state = await containers.state_of(ISSUER, "{{.State.Status}}")
    check(state == "exited", f"the container with the authority's key has exited: {state}")
    output.line(
        "each certificate is mounted by its identity only, the authority's key by no running container"
    )
    anonymous = await _python(containers, "mailbox", _NO_CERTIFICATE)
    check(anonymous == "refused", f"NATS refuses clients without a certificate: {anonymous}")
    forger = await _python(containers, "session", _FORGER)
    check(
        forger == "2 refused",
        f"NATS refuses events of other services and deletions of streams: {forger}",
    )
    output.line(
        "NATS refused a client without a certificate, and refused the session service an event of enrollment"
    )


async def _mounted(containers: Project) -> Mapping[str, Set[str]]:
    """Return a mapping from the name of each volume in the Compose file to the containers that mount the volume."""
    mounted: dict[str, set[str]] = {}
    for name in (await containers.compose("ps", "--all", "--services")).split():
        for mount in json.loads(await containers.state_of(name, "{{json .Mounts}}")):
            if mount["Type"] == "volume":
                mounted.setdefault(mount["Name"].partition("_")[2], set()).add(name)
    return mounted


async def _python(containers: Project, name: str, program: str) -> str:
    """Run a Python program in a container; return the last line of the output, or `nothing` if there is no output."""
    output = await containers.compose("exec", "--no-TTY", name, "python", "-", stdin=program)
    return (output.strip().splitlines() or ["nothing"])[-1]
