"""Making the environment: what is found, what is said when it is not."""

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


def test_a_new_enough_python_is_found_behind_an_old_python3(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "python3.11").symlink_to(sys.executable)
    found = find_python(old_python(tmp_path / "old"), new)
    assert (found.returncode, found.stdout) == (0, "python3.11\n")


def test_a_python_that_is_asked_for_comes_before_others(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    wanted.symlink_to(sys.executable)
    (tmp_path / "python3").symlink_to(sys.executable)
    assert find_python(tmp_path, wanted=wanted).stdout == f"{wanted}\n"


def test_a_missing_python_is_said_with_what_was_found_and_the_cure(tmp_path: Path) -> None:
    found = find_python(old_python(tmp_path / "old"))
    assert found.returncode == 1
    assert "needs Python 3.11 or newer, and found: Python 3.9.2" in found.stderr
    assert "apt-get install" in found.stderr


def test_the_lines_that_pin_a_package_are_all_its_hashes_and_nothing_else() -> None:
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
def test_uv_takes_the_mirror_that_pip_was_given(given: dict[str, str], index: str | None) -> None:
    chosen = environment.with_mirror(given)
    assert chosen.get("UV_DEFAULT_INDEX") == index
    assert chosen["UV_SYSTEM_CERTS"] == "1"


def test_every_package_of_the_repository_is_linked() -> None:
    assert {folder.name for folder in environment.own_packages()} >= {
        "common",
        "devstack",
        "enrollment",
        "portal",
    }


def shown_by_make(target: str, given: list[str]) -> str:
    """Return the commands that `make` would run."""
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
def test_chaos_plays_as_many_rounds_as_it_is_asked_for(given: list[str], rounds: str) -> None:
    assert f" -m e2e.chaos --rounds {rounds}\n" in shown_by_make("chaos", given)


@pytest.mark.parametrize(
    ("given", "words"),
    [([], "--minutes 10"), (["MINUTES=2", "SEED=7"], "--minutes 2 --seed 7")],
    ids=["none", "both"],
)
def test_fuzz_runs_as_long_and_from_the_seed_that_it_is_asked_for(
    given: list[str], words: str
) -> None:
    assert f" -m fuzz.run {words}" in shown_by_make("fuzz", given)


def test_make_explains_every_target_that_people_call() -> None:
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
