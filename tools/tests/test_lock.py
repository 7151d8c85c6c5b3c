"""Tests of the checks of the lock files."""

from __future__ import annotations

import pytest

from tools.checks.lock import check_lock, check_web_lock

LOCK = """\
grpcio==1.85.1 \\
    --hash=sha256:0123
    # via proctorium-common (libs/common/pyproject.toml)
nats-py==2.16.0 ; sys_platform != 'win32' \\
    --hash=sha256:4567
"""
OWN = frozenset({"proctorium-common"})


def findings(lock: str, *requirements: str) -> list[str]:
    return list(check_lock(lock, {"libs/x/pyproject.toml": requirements}, OWN))


def test_lock_that_fulfils_the_requirements_passes() -> None:
    assert findings(LOCK, "grpcio>=1.85", "NATS_py[nkeys]>=2", "proctorium-common") == []


@pytest.mark.parametrize(
    "requirement", ["uvloop>=0.23", "grpcio>=1.86"], ids=["missing", "too old"]
)
def test_unfulfilled_requirement_is_found(requirement: str) -> None:
    [found] = findings(LOCK, requirement)
    assert (
        found
        == f"libs/x/pyproject.toml requires {requirement}, and requirements.lock does not contain it: run `make lock`."
    )


@pytest.mark.parametrize(
    "line", ["--index-url https://example.org/simple", "-e ./libs/common", "x @ file:///tmp/x"]
)
def test_url_or_path_is_found(line: str) -> None:
    assert "an address or a path" in findings(LOCK + line + "\n")[0]


def test_url_in_the_lock_of_the_web_pages_is_found() -> None:
    assert list(check_web_lock('{"integrity": "sha512-0123"}')) == []
    [found] = check_web_lock('{\n"resolved": "https://registry.example.org/x.tgz"\n}')
    assert "registry.example.org" in found
