"""Test the file that contains the keys with which the edge checks tokens."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proctorium_access.token_check import (
    COMPLETE_FOR,
    TokenCheckFile,
    methods_without_token,
    token_check,
)
from proctorium_common.security.keys import PublicKey, SigningKey

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
IN_USE = SigningKey(b"u" * 32).public
RETIRED = PublicKey("old", SigningKey(b"r" * 32).public.raw, NOW + timedelta(minutes=7))
KEYS = (RETIRED, IN_USE)


def _at(path: Path, now: datetime = NOW) -> TokenCheckFile:
    return TokenCheckFile(path, clock=lambda: now)


def _configuration(path: Path) -> dict[str, Any]:
    configuration: dict[str, Any] = json.loads(path.read_text())["resources"][0]["typed_config"]
    return configuration


def test_public_and_service_only_methods_need_no_token() -> None:
    methods = methods_without_token()
    assert "/proctorium.enrollment.v1.AccountService/SignIn" in methods
    assert "/proctorium.enrollment.v1.PersonService/BatchGetContacts" in methods
    assert "/proctorium.enrollment.v1.AccountService/GetMe" not in methods


def test_other_methods_need_a_token() -> None:
    *open_rules, last = json.loads(token_check(KEYS, complete=True))["resources"][0][
        "typed_config"
    ]["rules"]
    assert [rule["match"]["path"] for rule in open_rules] == methods_without_token()
    assert last == {
        "match": {"prefix": "/proctorium."},
        "requires": {"provider_name": "proctorium"},
    }


async def test_saved_keys_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "check.json"
    file = _at(path)
    assert await file.load() == ()
    await file.save(KEYS)
    file.confirm()
    assert await _at(path).load() == list(KEYS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["check.json"]


async def test_tokens_are_not_checked_without_keys(tmp_path: Path) -> None:
    path = tmp_path / "check.json"
    await _at(path).load()
    assert "rules" not in _configuration(path)


async def test_tokens_are_not_checked_with_keys_that_were_not_confirmed_recently(
    tmp_path: Path,
) -> None:
    path = tmp_path / "check.json"
    file = _at(path)
    await file.load()
    await file.save(KEYS)
    file.confirm()
    later = _at(path, NOW + COMPLETE_FOR - timedelta(seconds=1))
    assert await later.load() == list(KEYS)
    assert _configuration(path)["rules"]
    expired = _at(path, NOW + COMPLETE_FOR)
    for _ in range(2):  # loading the file again does not confirm the keys
        assert await expired.load() == list(KEYS)
        assert "rules" not in _configuration(path)
    await expired.save(KEYS)
    assert _configuration(path)["rules"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"resources": []}', '{"resources": [{}]}'])
async def test_unreadable_file_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "check.json"
    path.write_text(text)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert await _at(path).load() == ()
    assert "rules" not in _configuration(path)
