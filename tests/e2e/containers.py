"""`make containers`: run the demo with docker-compose.yml and the images that `make images` built.

Each run has its own Compose project with its own secrets and volumes. The project is removed at the end of the run. The
run kills processes in containers from outside, so that Docker has to restart the containers. The exit code is 0 only if
all checks passed and no container logged an error.
"""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from e2e.container_secrets import PROVOKED, check_secrets
from e2e.demo import Output, run_demo
from e2e.exam_day import CheckFailedError, check
from e2e.mailbox import Mailbox
from e2e.scenario import Scenario
from proctorium.assessment.v1.results_pb2 import DownloadCertificateRequest, GetTranscriptRequest
from proctorium.identity.v1.verification_pb2 import (
    EVIDENCE_KIND_DOCUMENT,
    GetCaseRequest,
    GetEvidenceRequest,
    LearnerInSession,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.topology import services
from proctorium_devstack.demo.people import Person, sign_in
from proctorium_devstack.demo.seed import ADMINISTRATOR
from proctorium_devstack.demo.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = "proctorium-e2e"
LISTENERS = {"edge": 8443, "mailbox": 8025, "traces": 4318}
"""The port of each listener in its container. Compose publishes the ports on this machine."""
_NEW_ADMINISTRATOR = (
    *("run", "--rm", "--no-deps", "--no-TTY", "enrollment", "create-administrator"),
    *("--email", ADMINISTRATOR.email, "--legal-name", ADMINISTRATOR.name, "--password-stdin"),
)
_READY_SECONDS = 120.0
# A program that reads process ids of this machine from standard input, and kills the processes. It runs outside the
# containers, because the first process of a container cannot be killed by SIGKILL from inside the container.
_KILLER = "import os, sys\nfor line in sys.stdin: os.kill(int(line), 9)"

# Selects one row for each privilege that a role has but should not have.
_EXCESS_PRIVILEGES = """
SELECT pg_get_userbyid(relowner) || ' owns ' || relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND pg_get_userbyid(relowner) <> current_database() || '_owner'
UNION ALL SELECT 'the service may truncate ' || relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(current_database(), oid, 'TRUNCATE')
UNION ALL SELECT rolname || ' may connect' FROM pg_roles
 WHERE NOT rolsuper AND rolcanlogin AND rolname NOT IN (current_database(), current_database() || '_owner')
   AND has_database_privilege(rolname, current_database(), 'CONNECT')
UNION ALL SELECT rolname || ' is superuser and has a password' FROM pg_authid
 WHERE rolsuper AND rolpassword IS NOT NULL
"""

# Matches errors in the logs of third-party components, except PostgreSQL's FATAL errors. A FATAL error ends only one
# connection, and PostgreSQL logs such an error for each connection after a crash.
_ERROR = re.compile(r"Traceback|\b(ERROR|PANIC):|\[(ERR|FTL)\]|\[(error|critical)\]")


class CommandError(Exception):
    """A `docker` command failed."""


class Containers:
    """A running Compose project whose containers can be killed."""

    def __init__(self, environment: Path, killer: Process) -> None:
        self._environment = environment
        self._killer = killer
        self._addresses: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Containers]:
        """Start the project with new secrets; remove the project and its volumes at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="proctorium-containers-") as folder:
            environment = Path(folder) / "env"
            write_env = runpy.run_path(str(ROOT / "deploy" / "compose" / "write_env.py"))
            environment.write_text(write_env["complete"](""), encoding="utf-8")
            async with _start_killer() as killer:
                containers = cls(environment, killer)
                try:
                    await containers.up()
                    yield containers
                except Exception:
                    await containers.save_logs()
                    raise
                finally:
                    await asyncio.shield(containers.compose("down", "--volumes"))

    async def up(self) -> None:
        """Start all containers and wait until they are healthy."""
        await self.compose("up", "--detach", "--wait", "--no-build")
        for name, port in LISTENERS.items():
            self._addresses[name] = (await self.compose("port", name, str(port))).strip()

    async def down(self) -> None:
        """Stop and remove all containers, but not the volumes."""
        await self.compose("down")

    async def compose(self, *words: str, stdin: str = "") -> str:
        """Run `docker compose` with these arguments and return its output."""
        options = ("--project-name", PROJECT, "--env-file", str(self._environment))
        return await docker("compose", *options, *words, stdin=stdin)

    def address(self, name: str) -> str:
        """Return the `host:port` at which this machine publishes the listener `name`."""
        return self._addresses[name]

    def url(self, name: str) -> str:
        """Return the URL of an HTTP listener."""
        return f"http://{self.address(name)}"

    async def kill(self, name: str) -> None:
        """Kill a container with SIGKILL, and wait until Docker has restarted the container."""
        before = await self.state_of(name, "{{.State.Pid}}")
        assert self._killer.stdin is not None
        self._killer.stdin.write(f"{before}\n".encode())
        await self._killer.stdin.drain()

        async def is_restarted() -> bool | None:
            return await self.state_of(name, "{{.State.Pid}}") not in {before, "0"} or None

        await eventually(is_restarted, f"{name} to be started again", _READY_SECONDS)

    async def ready(self, name: str) -> None:
        """Wait until a container is healthy."""

        async def is_healthy() -> bool | None:
            return await self.state_of(name, "{{.State.Health.Status}}") == "healthy" or None

        await eventually(is_healthy, f"{name} to be healthy", _READY_SECONDS)

    async def logs(self) -> list[tuple[str, str]]:
        """Return the name and the log of each container."""
        names = (await self.compose("ps", "--all", "--services")).split()
        return [(name, await docker("logs", await self._container(name))) for name in names]

    async def save_logs(self) -> None:
        """Save the logs of all containers to files and print the path of the folder."""
        folder = Path(tempfile.mkdtemp(prefix="proctorium-logs-"))
        for name, text in await self.logs():
            (folder / f"{name}.log").write_text(text, encoding="utf-8")
        print(f"\nLogs of all containers: {folder}", file=sys.stderr)

    async def state_of(self, name: str, what: str) -> str:
        """Return the output of `docker inspect` with the format `what` for the container `name`."""
        return (await docker("inspect", "--format", what, await self._container(name))).strip()

    async def _container(self, name: str) -> str:
        return (await self.compose("ps", "--all", "--quiet", name)).strip()


async def docker(*words: str, stdin: str = "") -> str:
    """Run `docker` with these arguments and return its output; raise CommandError if the command fails."""
    process = await asyncio.create_subprocess_exec(
        "docker", *words, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate(stdin.encode())
    if process.returncode != 0:
        raise CommandError(f"docker {' '.join(words)}\n{output.decode(errors='replace')}")
    return output.decode(errors="replace")


@asynccontextmanager
async def _start_killer() -> AsyncIterator[Process]:
    words = ("run", "--rm", "--interactive", "--pid", "host", "--network", "none", "--read-only")
    rights = ("--user", "0", "--cap-drop", "ALL", "--cap-add", "KILL", "--entrypoint", "python")
    process = await asyncio.create_subprocess_exec(
        "docker", *words, *rights, "proctorium/devstack", "-c", _KILLER, stdin=PIPE
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def run_checks(output: Output) -> None:
    """Run all checks of the containers. Raises CheckFailedError, or the error of a step that fails."""
    output.heading("The containers start")
    async with Containers.running() as containers:
        output.line("all containers are healthy")
        await check_privileges(containers, output)
        await check_secrets(containers, output)
        await containers.compose(*_NEW_ADMINISTRATOR, stdin=f"{ADMINISTRATOR.password}\n")
        scenario = await run_demo(containers, output)
        await check_data(containers, scenario, output)

        output.heading("The database server crashes")
        await containers.kill("postgres")
        output.line("SIGKILL postgres; Docker restarted it")
        await check_data(containers, scenario, output)

        output.heading("The containers stop and start again")
        logs = await containers.logs()
        await containers.down()
        output.line("docker compose down")
        await containers.up()
        output.line("docker compose up: all containers are healthy")
        await check_data(containers, scenario, output)
        logs += await containers.logs()

        output.heading("The containers' logs")
        read_logs(logs, output)


async def check_privileges(containers: Containers, output: Output) -> None:
    """Check that each service's role has only the privileges that the service needs, and only in its own database."""
    query = ("--tuples-only", "--no-align", "--command", _EXCESS_PRIVILEGES)
    for name in (name for name in services() if name != "portal"):
        psql = ("psql", "--username=postgres", f"--dbname={name}", *query)
        excess = (await containers.compose("exec", "--no-TTY", "postgres", *psql)).splitlines()
        check(not excess, f"the database {name} grants only what is needed: {excess[:3]}")
    output.line("each database: its owner owns the tables, and no other service's role may connect")


async def check_data(containers: Containers, scenario: Scenario, output: Output) -> None:
    """Wait until all services respond; check that the learners' results, certificates, evidence and mails exist."""

    async def checked() -> bool | None:
        try:
            await _check_stored(containers, scenario)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            return None
        return True

    await eventually(checked, "every service to respond", _READY_SECONDS)
    output.line(
        "the results, evidence and mails of all three learners, and the certificates are stored"
    )


async def _check_stored(containers: Containers, scenario: Scenario) -> None:
    edge = containers.address("edge")
    mailbox = Mailbox(containers.url("mailbox"))
    async with _signed_in(edge, scenario.proctor) as proctor:
        for one in scenario.learners:
            async with _signed_in(edge, one) as learner:
                await _check_stored_as(learner, proctor, scenario.session_id)
            check(bool(await mailbox.mails_to(one.email)), "the mails are stored")
    await mailbox.close()


@asynccontextmanager
async def _signed_in(edge: str, person: Person) -> AsyncIterator[Person]:
    signed_in = await sign_in(edge, person.email, person.password)
    try:
        yield signed_in
    finally:
        await signed_in.close()


async def _check_stored_as(learner: Person, proctor: Person, session_id: str) -> None:
    transcript = await learner.transcripts.GetTranscript(GetTranscriptRequest())
    (entry,) = transcript.entries
    check(
        len(transcript.certificates) == entry.result.passed,
        "the result is stored, and its certificate if the learner passed",
    )
    for certificate in transcript.certificates:
        request = DownloadCertificateRequest(certificate_id=certificate.certificate_id)
        pdf = (await learner.certificates.DownloadCertificate(request)).pdf
        check(pdf.startswith(b"%PDF"), "the certificate is stored")
    own = (
        await learner.identity.GetCase(
            GetCaseRequest(learner=LearnerInSession(session_id=session_id))
        )
    ).case
    evidence = GetEvidenceRequest(case_id=own.case_id, kind=EVIDENCE_KIND_DOCUMENT)
    check(bool((await proctor.identity.GetEvidence(evidence)).image), "the evidence is stored")


def read_logs(logs: Iterable[tuple[str, str]], output: Output) -> None:
    """Print the warnings and errors of each container with their counts; check that no container logged an error."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for part, text in logs:
        found[part].update(filter(None, map(_notable, text.splitlines())))
    for part, kinds in sorted(found.items()):
        if kinds:
            summary = " · ".join(f"{kind} ×{times}" for kind, times in sorted(kinds.items()))
            output.line(f"{part}: {summary}")
    errors = [
        f"{part}: {kind}"
        for part in found
        for kind in found[part]
        if not kind.startswith("warning")
    ]
    check(not errors, f"no container logs an error: {errors[:3]}")


def _notable(line: str) -> str | None:
    """Return the level and the event of a warning or an error; return None for other log lines."""
    if line.startswith("{"):
        entry = json.loads(line)
        level = entry.get("level", "info")
        return None if level in {"debug", "info"} else f"{level} {entry['event']}"
    if PROVOKED.search(line):
        return None
    return f"error {line}" if _ERROR.search(line) else None


async def main() -> int:
    """Run all checks; return the exit code."""
    try:
        await run_checks(Output())
    except (CheckFailedError, CommandError, AssertionError, OSError, ServiceError) as failure:
        print(f"\nFailed: {type(failure).__name__}: {failure}", file=sys.stderr)
        return 1
    print("\nAll checks passed.")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
