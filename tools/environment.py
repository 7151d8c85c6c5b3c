"""``make env``: installs requirements.lock and the packages of this repository into `.venv`.

This program runs before packages are installed. Therefore it is called with the system's Python and uses only the
standard library. If `.venv` exists, the program updates it and uninstalls no packages. For a clean environment, run
`rm -r .venv` first. If a second run is started before the first run has ended, the second run waits for the end of the
first run.
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


def main(steps: list[str]) -> int:
    """Run the steps and return the exit status.

    The step ``protos`` generates and installs the package `proctorium`. The step ``packages`` installs everything else.
    """
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "environment.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for step in steps:
                {"packages": install_packages, "protos": install_protos}[step]()
        except subprocess.CalledProcessError as failed:
            print(f"\nThis step failed: {' '.join(map(str, failed.cmd))}", file=sys.stderr)
            print(_advice(), file=sys.stderr)
            return 1
    return 0


def install_packages() -> None:
    """Create the virtual environment, and install all packages except the package `proctorium`.

    The distributions in requirements.lock are installed first, then the packages of this repository in editable mode.
    """
    _make_virtual_environment()
    _install_uv()
    _say("installing the packages of requirements.lock")
    _uv("install", "--require-hashes", "--requirement", LOCK)
    _say("linking the packages of this repository")
    _uv("install", "--no-deps", "--no-build-isolation", *_editables())


def install_protos() -> None:
    """Generate the package `proctorium` from protos/ and install it."""
    _say("generating the package proctorium from protos/")
    _uv(
        "install", "--no-deps", "--no-build-isolation", "--reinstall-package", "proctorium-protos",
        "--no-cache", ROOT / "protos",
    )  # fmt: skip


def own_packages() -> list[Path]:
    """Return the folders of the packages that are installed in editable mode: all except protos/."""
    return sorted(
        pyproject.parent
        for parent in ("libs", "services")
        for pyproject in (ROOT / parent).glob("*/pyproject.toml")
    )


def _editables() -> list[str]:
    return [part for folder in own_packages() for part in ("--editable", str(folder))]


def _make_virtual_environment() -> None:
    if PYTHON.exists():
        return
    _say(f"creating .venv with Python {sys.version.split()[0]}")
    _run(sys.executable, "-m", "venv", VENV)


def _install_uv() -> None:
    """Install uv with pip. The version and the hash of uv are in requirements.lock."""
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
    """Return the lines of requirements.lock that pin the package `name`."""
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
    """Return the environment variables `given` and additional variables for uv.

    With these variables, uv uses the system's certificates and compiles bytecode. If `given` sets an index for pip but
    none for uv, uv uses pip's index.
    """
    # uv compiles bytecode at the installation. Without this bytecode, each process of `make up` would have to compile
    # all modules that it imports.
    environment = {"UV_SYSTEM_CERTS": "1", "UV_COMPILE_BYTECODE": "1", **given}
    index = environment.get("PIP_INDEX_URL")
    if index and not environment.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}:
        environment["UV_DEFAULT_INDEX"] = index
    return environment


def _advice() -> str:
    return (
        "If it could not reach the package registry: set PIP_INDEX_URL (pip) or UV_DEFAULT_INDEX (uv) to a mirror\n"
        "that this machine may use, and SSL_CERT_FILE to its certificates, and run the same command again.\n"
        "If venv or ensurepip is missing: install the package of your system that contains it (Debian: python3-venv)."
    )


def _say(text: str) -> None:
    print(f"env: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
