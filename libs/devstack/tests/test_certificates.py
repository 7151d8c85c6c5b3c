"""Tests of the development certificates."""

from __future__ import annotations

import asyncio
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proctorium_devstack.components.certificates import KeyPair, issue, issue_apart


def test_only_the_owner_can_read_keys(tmp_path: Path) -> None:
    issue(tmp_path / "certificates", ["edge"])
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in (tmp_path / "certificates").glob("*.key")
    }
    assert modes == {"ca.key": 0o600, "edge.key": 0o600}


def test_separate_folder_has_only_its_own_key(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("edge", "session")}
    for folder in folders.values():
        folder.mkdir()
    for _ in range(2):
        issue_apart(tmp_path / "authority", folders)
    found = {
        name: sorted(file.name for file in folder.iterdir()) for name, folder in folders.items()
    }
    assert found == {
        "edge": ["ca.crt", "edge.crt", "edge.key"],
        "session": ["ca.crt", "session.crt", "session.key"],
    }
    assert sorted(file.name for file in (tmp_path / "authority").iterdir()) == ["ca.crt", "ca.key"]


def test_valid_certificate_remains_and_expiring_one_is_renewed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = issue(tmp_path, ["edge"], now=now)["edge"].certificate.read_bytes()
    assert issue(tmp_path, ["edge"], now=now)["edge"].certificate.read_bytes() == first
    assert (
        issue(tmp_path, ["edge"], now=now + timedelta(days=390))["edge"].certificate.read_bytes()
        != first
    )


async def test_identities_of_one_authority_trust_only_each_other(
    tmp_path: Path,
) -> None:
    trusted = issue(tmp_path / "trusted", ["assessment", "edge"])
    foreign = issue(tmp_path / "foreign", ["edge"])["edge"]
    stranger = KeyPair(foreign.certificate, foreign.key, trusted["edge"].authority)
    assert await _greeting(trusted["assessment"], trusted["edge"]) == b"hello edge"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await _greeting(trusted["assessment"], stranger)


async def _greeting(server: KeyPair, client: KeyPair) -> bytes:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject = dict(name[0] for name in writer.get_extra_info("peercert")["subject"])
        writer.write(b"hello " + subject["commonName"].encode())
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(
        greet, "127.0.0.1", 0, ssl=_context(server, ssl.Purpose.CLIENT_AUTH)
    )
    async with listener:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            listener.sockets[0].getsockname()[1],
            ssl=_context(client, ssl.Purpose.SERVER_AUTH),
            server_hostname="assessment",
        )
        try:
            received = await reader.read()
            if not received:
                raise ConnectionError
            return received
        finally:
            writer.close()


def _context(pair: KeyPair, purpose: ssl.Purpose) -> ssl.SSLContext:
    context = ssl.create_default_context(purpose, cafile=str(pair.authority))
    context.load_cert_chain(pair.certificate, pair.key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
