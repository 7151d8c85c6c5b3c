"""PostgreSQL where its user may not go, and where it may: nothing above its own folder changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from proctorium_devstack.parts.postgres import Postgres
from proctorium_devstack.ports import free_ports


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
        assert server.layout.data.is_relative_to(closed) == (os.geteuid() != 0)
        await server.stop()
    finally:
        await server.kill()
        server.forget()
    assert _modes(folder) == before
    assert not server.layout.data.exists()
