"""Tests of `make env`: the chosen Python, the pinned packages and the make targets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment

ROOT = environment.ROOT


def find_python(*folders: Path, wanted: Path | None = None) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("sh")
    assert shell
    return subprocess.run(
        [shell, ROOT / "tools" / "find-python"],
        env={
            "PATH": os.pathsep.join(map(str, folders)),
            **({"PROCTORIUM_PYTHON": str(wanted)} if wanted else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def old_python(folder: Path) -> Path:
    folder.mkdir()
    python = folder / "python3"
    python.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    return folder


def test_new_python_is_found_although_python3_is_old(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "python3.11").symlink_to(sys.executable)
    found = find_python(old_python(tmp_path / "old"), new)
    assert (found.returncode, found.stdout) == (0, "python3.11\n")


def test_requested_python_is_preferred(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    wanted.symlink_to(sys.executable)
    (tmp_path / "python3").symlink_to(sys.executable)
    assert find_python(tmp_path, wanted=wanted).stdout == f"{wanted}\n"


def test_missing_python_is_reported_with_the_found_ones_and_a_remedy(tmp_path: Path) -> None:
    found = find_python(old_python(tmp_path / "old"))
    assert found.returncode == 1
    assert "needs Python 3.11 or newer, and found: Python 3.9.2" in found.stderr
    assert "apt-get install" in found.stderr


def test_pin_of_a_package_includes_all_its_hashes_and_nothing_else() -> None:
    first, *rest = environment.locked("uv").splitlines()
    assert re.fullmatch(r"uv==[0-9.]+ \\", first)
    assert rest
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest)
    assert not rest[-1].endswith("\\")


@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({"PIP_INDEX_URL": "mirror"}, "mirror"),
        ({"PIP_INDEX_URL": "mirror", "UV_DEFAULT_INDEX": "other"}, "other"),
        ({}, None),
    ],
    ids=["pip's mirror", "uv's own", "none"],
)
def test_uv_uses_the_mirror_of_pip(given: dict[str, str], index: str | None) -> None:
    chosen = environment.with_mirror(given)
    assert chosen.get("UV_DEFAULT_INDEX") == index
    assert chosen["UV_SYSTEM_CERTS"] == "1"


def test_all_packages_of_the_repository_are_linked() -> None:
    assert {folder.name for folder in environment.own_packages()} >= {
        "common",
        "devstack",
        "enrollment",
        "portal",
    }


def dry_run(target: str, given: list[str]) -> str:
    """Return the commands that `make` would run for the target, without running them."""
    make = shutil.which("make")
    assert make
    return subprocess.run(
        [make, "-C", ROOT, "--dry-run", target, *given],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("given", "rounds"), [([], "50"), (["ROUNDS=12"], "12")], ids=["none", "12"]
)
def test_chaos_runs_the_requested_number_of_rounds(given: list[str], rounds: str) -> None:
    assert f" -m e2e.chaos --rounds {rounds}\n" in dry_run("chaos", given)


@pytest.mark.parametrize(
    ("given", "words"),
    [([], "--minutes 10"), (["MINUTES=2", "SEED=7"], "--minutes 2 --seed 7")],
    ids=["none", "both"],
)
def test_fuzz_uses_the_requested_duration_and_seed(given: list[str], words: str) -> None:
    assert f" -m fuzz.run {words}" in dry_run("fuzz", given)


def test_make_help_describes_all_targets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    called = {
        name
        for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
        for name in line.split()
    }
    make = shutil.which("make")
    assert make
    shown = subprocess.run(
        [make, "-C", ROOT, "help"], capture_output=True, text=True, check=True
    ).stdout
    explained = set(re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE))
    assert explained == called - {"ready"}
