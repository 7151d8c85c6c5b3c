"""Tests that PostgreSQL runs as another user, even if this user may not enter the project's folder.

The tests also check that the permissions of the parent folders are not changed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from pathlib import Path

from proctorium_devstack.components.postgres import Postgres, wheel_folder
from proctorium_devstack.ports import free_ports

_START = """
import asyncio, sys
from pathlib import Path
from proctorium_devstack.components.postgres import Postgres, wheel_folder

async def main(folder: str, port: str, log: str) -> None:
    server = Postgres(Path(folder), int(port), Path(log), durable=False)
    await server.start()
    print(server.layout.binaries)
    await server.stop()

asyncio.run(main(*sys.argv[1:]))
"""


def _modes(folder: Path) -> dict[Path, int]:
    return {each: stat.S_IMODE(each.stat().st_mode) for each in folder.parents}


async def test_permissions_of_parent_folders_do_not_change(
    devstack_folder: Path,
) -> None:
    closed = devstack_folder / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "project" / "postgres"
    folder.mkdir(parents=True)
    before = _modes(folder)
    server = Postgres(folder, free_ports(1)[0], devstack_folder / "closed.log", durable=False)
    try:
        await server.start()
        assert await server.is_ready()
        data = server.layout.data
        assert data.is_relative_to(closed) == (os.geteuid() != 0)
        await server.stop()
    finally:
        await server.kill()
        server.delete_data()
    assert _modes(folder) == before
    assert not data.exists()


async def test_start_succeeds_after_an_interrupted_removal_or_start(
    devstack_folder: Path,
) -> None:
    server = Postgres(
        devstack_folder / "left",
        free_ports(1)[0],
        devstack_folder / "left.log",
        durable=False,
    )
    for name in ("data", "unfinished"):
        folder = server.layout.data.with_name(name)
        (folder / "base").mkdir(parents=True)
        (folder / "base" / "1").write_text("half", encoding="ascii")
    try:
        await server.start()
        assert await server.is_ready()
        await server.stop()
    finally:
        await server.kill()
        server.delete_data()


async def test_binaries_that_the_user_may_not_read_are_copied(devstack_folder: Path) -> None:
    closed = devstack_folder / "packages"
    closed.mkdir(mode=0o700)
    wheel = wheel_folder()
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(folder, closed / folder.name, symlinks=True)
    folder = devstack_folder / "copied"
    started = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            _START,
            str(folder),
            str(free_ports(1)[0]),
            str(devstack_folder / "copied.log"),
        ),
        env={**os.environ, "PYTHONPATH": str(closed)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await started.communicate()
    assert started.returncode == 0
    binaries = Path(output.decode().strip())
    assert binaries.is_relative_to(closed) == (os.geteuid() != 0)
    assert binaries.is_relative_to(folder) == (os.geteuid() == 0)
