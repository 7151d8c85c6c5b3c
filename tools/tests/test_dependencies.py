"""Tests of the check that compares declared libraries with imported libraries."""

from __future__ import annotations

from tools.checks.dependencies import Package, check_dependencies, declared_in
from tools.checks.sources import Source

DISTRIBUTIONS = {"jwt": ["PyJWT"], "lib": ["our-lib"], "grpc": ["grpcio"], "yaml": ["PyYAML"]}
LIBRARY = Package("our-lib", frozenset({"grpcio"}), [Source("lib.py", "import grpc")])


def findings(declared: str, code: str) -> list[str]:
    service = Package("our-service", declared_in(declared.split()), [Source("a.py", code)])
    return list(check_dependencies({"our-lib": LIBRARY, "our-service": service}, DISTRIBUTIONS))


def test_declared_and_inherited_dependencies_pass() -> None:
    code = "import os\nimport lib\nimport grpc.aio\nfrom google.rpc import status_pb2\nimport jwt"
    assert findings("our-lib PyJWT>=2 googleapis-common-protos tzdata", code) == []


def test_declared_but_unused_library_is_found() -> None:
    [found] = findings("pyyaml jinja2", "import yaml")
    assert (
        found
        == "our-service declares jinja2 and does not import it: remove it from its pyproject.toml."
    )


def test_undeclared_library_is_found_at_its_import() -> None:
    [found] = findings("pyyaml", "import yaml\n\n\ndef f():\n    import jwt")
    assert found.startswith("a.py:5: our-service imports pyjwt without declaring it")


def test_packages_with_a_common_namespace_are_distinguished() -> None:
    code = "from google.protobuf import message\nfrom opentelemetry.proto.trace.v1 import trace_pb2"
    assert findings("protobuf opentelemetry-proto", code) == []
    assert len(findings("googleapis-common-protos opentelemetry-sdk", code)) == 4
