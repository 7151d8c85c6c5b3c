"""Run the unit tests of the TypeScript code of the pages with vitest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


def test_web_unit_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.web", "test"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
