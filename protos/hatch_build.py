"""Build hook that generates the package ``proctorium`` from the .proto files beside it.

The wheel holds, for every .proto file, messages, gRPC stubs and their types (async stubs only), and
``proctorium/descriptors.binpb``: all descriptors with comments and imports, which the edge (JSON transcoding), the
TypeScript generator, `buf` and the access rules read. It includes the descriptors of error details, without which the
edge cannot convert an error to JSON. Of these files only ``proctorium/topology.json`` is committed: it says which
services each service calls, and whose events it consumes (``make topology`` writes it).

No wheel contains ``buf/validate/validate.proto`` as text. Its descriptor is taken from ``protovalidate``, so
the rules that protoc checks are those that the validator of the same version enforces.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from protobuf import DescFile
from protovalidate._gen.buf.validate import validate_pb

DESCRIPTORS = "descriptors.binpb"
TOPOLOGY = "topology.json"
ERRORS = ("google/rpc/status.proto", "google/rpc/error_details.proto")


class ProtoBuildHook(BuildHookInterface[BuilderConfig]):
    """The hook that generates into a temporary folder and adds the result to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        """Generate the packages; hatchling calls this before it collects the files of the wheel."""
        self._generated = Path(tempfile.mkdtemp(prefix="proctorium-protos-"))
        generate(Path(self.root), self._generated)
        build_data["force_include"] = {
            str(package): package.name for package in self._generated.iterdir()
        }

    def finalize(self, version: str, build_data: dict[str, object], artifact_path: str) -> None:
        """Remove the temporary folder; hatchling calls this after it has written the wheel."""
        shutil.rmtree(self._generated)


def generate(source: Path, target: Path) -> None:
    """Write the packages ``proctorium`` and ``buf`` (its annotations) for the protos in `source` into `target`."""
    protos = sorted(str(path.relative_to(source)) for path in source.glob("proctorium/**/*.proto"))
    if not protos:
        raise SystemExit(f"There is no .proto file under {source}/proctorium.")
    with tempfile.TemporaryDirectory() as scratch:
        validate = Path(scratch, "validate.binpb")
        validate.write_bytes(_descriptors(validate_pb.desc()).SerializeToString())
        include = [f"--proto_path={source}", *_include_paths(), f"--descriptor_set_in={validate}"]
        _protoc(*include, *_python_options(target), *protos, "buf/validate/validate.proto")
        _protoc(*include, *_grpc_options(target), *protos)
        _protoc(
            *include,
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={target / 'proctorium' / DESCRIPTORS}",
            *protos,
            *ERRORS,
        )
    shutil.copy(source / "proctorium" / TOPOLOGY, target / "proctorium" / TOPOLOGY)
    _make_packages(target)


def _descriptors(root: DescFile) -> FileDescriptorSet:
    """Return the descriptors of `root` and its dependencies, dependencies first, as protoc requires."""
    ordered: dict[str, DescFile] = {}

    def visit(file: DescFile) -> None:
        for dependency in file.dependencies:
            visit(dependency)
        ordered.setdefault(file.name, file)

    visit(root)
    found = FileDescriptorSet()
    for file in ordered.values():
        found.file.add().MergeFromString(file.proto.to_binary())
    return found


def _include_paths() -> Iterable[str]:
    """Yield the options for the folders of google.protobuf, google.api and google.rpc in the environment."""
    yield f"--proto_path={files(grpc_tools) / '_proto'}"
    yield f"--proto_path={sysconfig.get_path('purelib')}"


def _python_options(target: Path) -> Sequence[str]:
    return (f"--python_out={target}", _plugin("mypy"), f"--mypy_out=quiet:{target}")


def _grpc_options(target: Path) -> Sequence[str]:
    return (
        f"--grpc_python_out={target}",
        _plugin("mypy_grpc"),
        f"--mypy_grpc_out=quiet,only_async:{target}",
    )


def _plugin(name: str) -> str:
    """Return the option that selects the plugin of the running environment, whatever PATH contains."""
    return f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}"


def _protoc(*arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        raise SystemExit("protoc refused the protos; its messages are above.")


def _make_packages(target: Path) -> None:
    for package in target.iterdir():
        (package / "py.typed").touch()
        for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
            (folder / "__init__.py").touch()
