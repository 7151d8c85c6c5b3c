"""Tests of the checks of imports between layers, and of the contracts for import-linter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.checks.layers import check_no_messages, check_pure, import_contracts
from tools.checks.sources import Source

DOMAIN = ["proctorium_session.domain", "proctorium_common.errors"]


def findings(code: str) -> list[str]:
    return list(check_pure([Source("a.py", code)], "proctorium_session.domain", DOMAIN))


def test_imports_of_the_standard_library_errors_and_the_domain_pass() -> None:
    assert (
        findings(
            "from __future__ import annotations\nimport datetime\nfrom collections.abc import Sequence\n"
            "from proctorium_common.errors import invalid_transition\nfrom proctorium_common import errors\n"
            "from proctorium_session.domain.states import State\nfrom . import states\n"
        )
        == []
    )


@pytest.mark.parametrize(
    "line",
    [
        "import sqlalchemy",
        "from proctorium.session.v1 import sessions_pb2",
        "from proctorium_common.clock import utc_now",
        "from proctorium_common import ids",
        "from proctorium_session.storage import tables",
        "def f():\n    import grpc",
    ],
)
def test_other_imports_are_found(line: str) -> None:
    [found] = findings(line)
    assert "is pure" in found


@pytest.mark.parametrize(
    "line",
    ["from google.protobuf.message import Message", "from proctorium.session.v1 import x_pb2"],
)
def test_messages_in_storage_are_found(line: str) -> None:
    [found] = check_no_messages([Source("a.py", line)])
    assert "knows no messages" in found


def test_storage_without_messages_passes() -> None:
    code = "import sqlalchemy\nfrom proctorium_common.storage.tables import outbox\n"
    assert list(check_no_messages([Source("a.py", code)])) == []


def lint_imports(folder: Path, contracts: str) -> subprocess.CompletedProcess[str]:
    (folder / "contracts.ini").write_text(contracts, encoding="utf-8")
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--config", "contracts.ini", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def packages(folder: Path, files: dict[str, str]) -> None:
    empty = ["shop/__init__.py", "till/__init__.py", "proctorium_common/__init__.py"]
    folders = [
        f"shop/{folder}/__init__.py" for folder in ("api", "operations", "storage", "domain")
    ]
    for name, text in {
        **dict.fromkeys(
            [
                *empty,
                *folders,
                "proctorium_devstack/__init__.py",
                "proctorium_access/__init__.py",
                "proctorium_documents/__init__.py",
                "proctorium/client/__init__.py",
                "proctorium_cli/__init__.py",
            ],
            "",
        ),
        **files,
    }.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")


def test_imports_in_the_order_of_the_layers_pass(tmp_path: Path) -> None:
    packages(
        tmp_path,
        {
            "shop/api/sales.py": "from shop.operations import sales\nimport proctorium_common",
            "shop/operations/sales.py": "from shop.storage import rows\nfrom shop.domain import prices",
        },
    )
    done = lint_imports(tmp_path, import_contracts(["shop", "till"]))
    assert done.returncode == 0, done.stdout


def test_folder_without_a_layer_is_found(tmp_path: Path) -> None:
    packages(tmp_path, {"shop/cellar/__init__.py": ""})
    done = lint_imports(tmp_path, import_contracts(["shop", "till"]))
    assert done.returncode == 1
    assert "cellar" in done.stdout


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("shop/domain/prices.py", "shop.storage"),
        ("shop/storage/rows.py", "shop.operations"),
        ("shop/operations/sales.py", "shop.api"),
        ("shop/operations/sales.py", "till"),
        ("shop/operations/sales.py", "proctorium_devstack"),
        ("proctorium_common/errors.py", "shop"),
        ("proctorium_devstack/parts.py", "shop"),
    ],
)
def test_import_against_the_order_of_the_layers_is_found(
    tmp_path: Path, file: str, imported: str
) -> None:
    packages(tmp_path, {file: f"import {imported}\n"})
    done = lint_imports(tmp_path, import_contracts(["shop", "till"]))
    assert done.returncode == 1
    assert f"is not allowed to import {imported}" in done.stdout
