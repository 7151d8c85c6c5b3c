"""`make containers`: the story of `make demo` told in docker-compose.yml, with the images that `make images` built.

The project is this run's own: other secrets, other volumes, forgotten at the end. Parts crash as they would by
themselves, so that it is Docker that starts them again. It exits 0 only if everything held and no part's log holds what
an operator would have to get up for.
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

from e2e.container_secrets import PROVOKED, look_at_secrets
from e2e.demo import CheckFailedError, Narrator, hold, tell
from e2e.mailbox import Mailbox
from e2e.stage import Stage
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
PROJECT = "proctorium-story"
LISTENERS = {"edge": 8443, "mailbox": 8025, "traces": 4318}
"""What is published, by the port inside."""
_NEW_ADMINISTRATOR = (
    *("run", "--rm", "--no-deps", "--no-TTY", "enrollment", "create-administrator"),
    *("--email", ADMINISTRATOR.email, "--legal-name", ADMINISTRATOR.name, "--password-stdin"),
)
_READY_SECONDS = 120.0
# It reads the numbers of processes of this machine, and kills them: a container has no way to SIGKILL its own first
# process.
_EXECUTIONER = "import os, sys\nfor line in sys.stdin: os.kill(int(line), 9)"

# What nobody may: told by each database itself, a line for each.
_TOO_MUCH = """
SELECT pg_get_userbyid(relowner) || ' owns ' || relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND pg_get_userbyid(relowner) <> current_database() || '_owner'
UNION ALL SELECT 'the service may empty ' || relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(current_database(), oid, 'TRUNCATE')
UNION ALL SELECT rolname || ' may connect' FROM pg_roles
 WHERE NOT rolsuper AND rolcanlogin AND rolname NOT IN (current_database(), current_database() || '_owner')
   AND has_database_privilege(rolname, current_database(), 'CONNECT')
UNION ALL SELECT rolname || ' is superuser and has a password' FROM pg_authid
 WHERE rolsuper AND rolpassword IS NOT NULL
"""

# Of the parts that are not ours. PostgreSQL's FATAL is not among them: it ends one connection, and a server that
# crashed says it to each.
_ERROR = re.compile(r"Traceback|\b(ERROR|PANIC):|\[(ERR|FTL)\]|\[(error|critical)\]")


class CommandError(Exception):
    """Docker did not do what it was asked for."""


class Containers:
    """A running project of docker-compose.yml: its addresses, and the power to crash its parts."""

    def __init__(self, environment: Path, executioner: Process) -> None:
        self._environment = environment
        self._executioner = executioner
        self._addresses: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Containers]:
        """Starts the project, with secrets that are made now; it and its volumes are forgotten afterwards."""
        with tempfile.TemporaryDirectory(prefix="proctorium-containers-") as folder:
            environment = Path(folder) / "env"
            write_env = runpy.run_path(str(ROOT / "deploy" / "compose" / "write_env.py"))
            environment.write_text(write_env["complete"](""), encoding="utf-8")
            async with _an_executioner() as executioner:
                containers = cls(environment, executioner)
                try:
                    await containers.up()
                    yield containers
                except Exception:
                    await containers.keep_logs()
                    raise
                finally:
                    await asyncio.shield(containers.compose("down", "--volumes"))

    async def up(self) -> None:
        """Returns once every part is healthy."""
        await self.compose("up", "--detach", "--wait", "--no-build")
        for name, port in LISTENERS.items():
            self._addresses[name] = (await self.compose("port", name, str(port))).strip()

    async def down(self) -> None:
        """Ends all parts in order; the volumes stay."""
        await self.compose("down")

    async def compose(self, *words: str, told: str = "") -> str:
        """`docker compose` with these words; what it printed."""
        options = ("--project-name", PROJECT, "--env-file", str(self._environment))
        return await docker("compose", *options, *words, told=told)

    def address(self, name: str) -> str:
        """`host:port` of what is published."""
        return self._addresses[name]

    def url(self, name: str) -> str:
        """The address of something that speaks HTTP."""
        return f"http://{self.address(name)}"

    async def kill(self, name: str) -> None:
        """SIGKILL a part; returns once Docker has started it again."""
        before = await self.state_of(name, "{{.State.Pid}}")
        assert self._executioner.stdin is not None
        self._executioner.stdin.write(f"{before}\n".encode())
        await self._executioner.stdin.drain()

        async def is_another() -> bool | None:
            return await self.state_of(name, "{{.State.Pid}}") not in {before, "0"} or None

        await eventually(is_another, f"{name} to be started again", _READY_SECONDS)

    async def ready(self, name: str) -> None:
        """Wait until a part is healthy."""

        async def is_healthy() -> bool | None:
            return await self.state_of(name, "{{.State.Health.Status}}") == "healthy" or None

        await eventually(is_healthy, f"{name} to be healthy", _READY_SECONDS)

    async def logs(self) -> list[tuple[str, str]]:
        """Each part, and what it has logged since it was made."""
        names = (await self.compose("ps", "--all", "--services")).split()
        return [(name, await docker("logs", await self._container(name))) for name in names]

    async def keep_logs(self) -> None:
        """Writes what the parts have logged to files, and says where."""
        folder = Path(tempfile.mkdtemp(prefix="proctorium-logs-"))
        for name, text in await self.logs():
            (folder / f"{name}.log").write_text(text, encoding="utf-8")
        print(f"\nWhat every part logged: {folder}", file=sys.stderr)

    async def state_of(self, name: str, what: str) -> str:
        """What `docker inspect` says of a part's container, in this format."""
        return (await docker("inspect", "--format", what, await self._container(name))).strip()

    async def _container(self, name: str) -> str:
        return (await self.compose("ps", "--all", "--quiet", name)).strip()


async def docker(*words: str, told: str = "") -> str:
    """`docker` with these words; what it printed. CommandError when it fails."""
    process = await asyncio.create_subprocess_exec(
        "docker", *words, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await process.communicate(told.encode())
    if process.returncode != 0:
        raise CommandError(f"docker {' '.join(words)}\n{said.decode(errors='replace')}")
    return said.decode(errors="replace")


@asynccontextmanager
async def _an_executioner() -> AsyncIterator[Process]:
    words = ("run", "--rm", "--interactive", "--pid", "host", "--network", "none", "--read-only")
    rights = ("--user", "0", "--cap-drop", "ALL", "--cap-add", "KILL", "--entrypoint", "python")
    process = await asyncio.create_subprocess_exec(
        "docker", *words, *rights, "proctorium/devstack", "-c", _EXECUTIONER, stdin=PIPE
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def prove(narrator: Narrator) -> None:
    """Everything that is promised of the containers. Raises CheckFailedError, or whatever went wrong."""
    narrator.chapter("Everything is started")
    async with Containers.running() as containers:
        narrator.say("every part is healthy")
        await look_at_rights(containers, narrator)
        await look_at_secrets(containers, narrator)
        await containers.compose(*_NEW_ADMINISTRATOR, told=f"{ADMINISTRATOR.password}\n")
        stage = await tell(containers, narrator)
        await find_again(containers, stage, narrator)

        narrator.chapter("The database server crashes")
        await containers.kill("postgres")
        narrator.say("SIGKILL postgres; Docker started it again")
        await find_again(containers, stage, narrator)

        narrator.chapter("Everything is ended, and started again")
        logs = await containers.logs()
        await containers.down()
        narrator.say("docker compose down")
        await containers.up()
        narrator.say("docker compose up: every part is healthy")
        await find_again(containers, stage, narrator)
        logs += await containers.logs()

        narrator.chapter("What the parts logged")
        read_logs(logs, narrator)


async def look_at_rights(containers: Containers, narrator: Narrator) -> None:
    """Who owns the tables, and who comes in: each service is less than the owner of its tables."""
    query = ("--tuples-only", "--no-align", "--command", _TOO_MUCH)
    for name in (name for name in services() if name != "portal"):
        psql = ("psql", "--username=postgres", f"--dbname={name}", *query)
        told = (await containers.compose("exec", "--no-TTY", "postgres", *psql)).splitlines()
        hold(not told, f"the database {name} allows what is needed and no more: {told[:3]}")
    narrator.say("each database: tables are their owner's, no other service's role comes in")


async def find_again(containers: Containers, stage: Stage, narrator: Narrator) -> None:
    """The learners' results, certificates, evidence and mails, as soon as all services answer."""

    async def found() -> bool | None:
        try:
            await _look(containers, stage)
        except ServiceError as away:
            if away.kind is not Kind.UNAVAILABLE:
                raise
            return None
        return True

    await eventually(found, "every service to answer", _READY_SECONDS)
    narrator.say("the results, certificates, evidence and mails of all three learners are there")


async def _look(containers: Containers, stage: Stage) -> None:
    edge = containers.address("edge")
    mailbox = Mailbox(containers.url("mailbox"))
    async with _signed_in(edge, stage.proctor) as proctor:
        for one in stage.learners:
            async with _signed_in(edge, one) as learner:
                await _look_as(learner, proctor, stage.session_id)
            hold(bool(await mailbox.mails_to(one.email)), "the mails are there")
    await mailbox.close()


@asynccontextmanager
async def _signed_in(edge: str, person: Person) -> AsyncIterator[Person]:
    again = await sign_in(edge, person.email, person.password)
    try:
        yield again
    finally:
        await again.close()


async def _look_as(learner: Person, proctor: Person, session_id: str) -> None:
    transcript = await learner.transcripts.GetTranscript(GetTranscriptRequest())
    (entry,), (certificate,) = transcript.entries, transcript.certificates
    hold(entry.result.passed, "the result is there")
    request = DownloadCertificateRequest(certificate_id=certificate.certificate_id)
    pdf = (await learner.certificates.DownloadCertificate(request)).pdf
    hold(pdf.startswith(b"%PDF"), "the certificate is there")
    own = (
        await learner.identity.GetCase(
            GetCaseRequest(learner=LearnerInSession(session_id=session_id))
        )
    ).case
    picture = GetEvidenceRequest(case_id=own.case_id, kind=EVIDENCE_KIND_DOCUMENT)
    hold(bool((await proctor.identity.GetEvidence(picture)).image), "the evidence is there")


def read_logs(logs: Iterable[tuple[str, str]], narrator: Narrator) -> None:
    """Tells what was more than information, each kind with its number; an error does not hold."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for part, text in logs:
        found[part].update(filter(None, map(_worth_reading, text.splitlines())))
    for part, kinds in sorted(found.items()):
        if kinds:
            told = " · ".join(f"{kind} ×{times}" for kind, times in sorted(kinds.items()))
            narrator.say(f"{part}: {told}")
    errors = [
        f"{part}: {kind}"
        for part in found
        for kind in found[part]
        if not kind.startswith("warning")
    ]
    hold(not errors, f"no part logs an error: {errors[:3]}")


def _worth_reading(line: str) -> str | None:
    """Level and event of a line that is more than information."""
    if line.startswith("{"):
        entry = json.loads(line)
        level = entry.get("level", "info")
        return None if level in {"debug", "info"} else f"{level} {entry['event']}"
    if PROVOKED.search(line):
        return None
    return f"error {line}" if _ERROR.search(line) else None


async def main() -> int:
    """Proves it; the exit code."""
    try:
        await prove(Narrator())
    except (CheckFailedError, CommandError, AssertionError, OSError, ServiceError) as broken:
        print(f"\nIt did not hold: {type(broken).__name__}: {broken}", file=sys.stderr)
        return 1
    print("\nEverything held.")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
