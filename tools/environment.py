"""Makes `.venv` what requirements.lock and the packages of this repository say. Standard library only.

Runs before anything is installed, so it is called with the Python of the machine: ``make env`` does.
It changes an existing environment in place, adding what is missing; `rm -r .venv` is the way to an exact one.
Two runs at once wait for each other.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
LOCK = ROOT / "requirements.lock"


def main(asked: list[str]) -> int:
    """Run the steps named in `asked`: ``packages`` (all but the protos), ``protos``."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "environment.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for step in asked:
                {"packages": install_packages, "protos": install_protos}[step]()
        except subprocess.CalledProcessError as failed:
            print(f"\nThis step failed: {' '.join(map(str, failed.cmd))}", file=sys.stderr)
            print(_advice(), file=sys.stderr)
            return 1
    return 0


def install_packages() -> None:
    """The virtual environment, everything in the lock, and our own packages as links to their sources."""
    _make_virtual_environment()
    _install_uv()
    _say("installing the packages of requirements.lock")
    _uv("install", "--require-hashes", "--requirement", LOCK)
    _say("linking the packages of this repository")
    _uv("install", "--no-deps", "--no-build-isolation", *_editables())


def install_protos() -> None:
    """The package `proctorium`, generated anew from protos/."""
    _say("generating the package proctorium from protos/")
    _uv(
        "install", "--no-deps", "--no-build-isolation", "--reinstall-package", "proctorium-protos",
        "--no-cache", ROOT / "protos",
    )  # fmt: skip


def own_packages() -> list[Path]:
    """The folders of our Python packages, without protos/ (which is built, not linked)."""
    return sorted(
        pyproject.parent
        for room in ("libs", "services")
        for pyproject in (ROOT / room).glob("*/pyproject.toml")
    )


def _editables() -> list[str]:
    return [part for folder in own_packages() for part in ("--editable", str(folder))]


def _make_virtual_environment() -> None:
    if PYTHON.exists():
        return
    _say(f"making .venv with Python {sys.version.split()[0]}")
    _run(sys.executable, "-m", "venv", VENV)


def _install_uv() -> None:
    """The pinned uv, by pip from the lock itself, so that its version is written once and its hash checked."""
    wanted = locked("uv")
    version = wanted.split()[0].removeprefix("uv==")
    if UV.exists() and subprocess.check_output([UV, "--version"], text=True).split()[1] == version:
        return
    _say(f"installing uv {version}")
    if subprocess.run(
        [PYTHON, "-m", "pip", "--version"], capture_output=True, check=False
    ).returncode:
        _run(PYTHON, "-m", "ensurepip")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirement:
        requirement.write(wanted)
        requirement.flush()
        _run(
            PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "--requirement", requirement.name,
        )  # fmt: skip


def locked(name: str) -> str:
    """The lines of requirements.lock that pin `name`."""
    lines = LOCK.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(at for at in range(start, len(lines)) if not lines[at].endswith("\\\n"))
    return "".join(lines[start : end + 1])


def _uv(command: str, *arguments: object) -> None:
    _run(UV, "pip", command, "--quiet", "--python", PYTHON, *arguments)


def _run(*command: object) -> None:
    subprocess.run(
        [str(part) for part in command], check=True, cwd=ROOT, env=with_mirror(os.environ)
    )


def with_mirror(given: Mapping[str, str]) -> dict[str, str]:
    """`given`, with the system's certificates for uv, and with pip's index where uv was told of none."""
    # Compiled once here, or each of the many processes of `make up` compiles everything at its start.
    environment = {"UV_SYSTEM_CERTS": "1", "UV_COMPILE_BYTECODE": "1", **given}
    index = environment.get("PIP_INDEX_URL")
    if index and not environment.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}:
        environment["UV_DEFAULT_INDEX"] = index
    return environment


def _advice() -> str:
    return (
        "If it could not reach the package registry: set PIP_INDEX_URL (pip) or UV_DEFAULT_INDEX (uv) to a mirror\n"
        "that this machine may use, and SSL_CERT_FILE to its certificates, and run the same command again.\n"
        "If venv or ensurepip is missing: install the package of your system that holds it (Debian: python3-venv)."
    )


def _say(text: str) -> None:
    print(f"env: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
