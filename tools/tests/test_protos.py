"""Tests of the package that is built from protos/, and of the baseline.

The package must be complete and must validate messages.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import protovalidate
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from proctorium.enrollment.v1.accounts_pb2 import SignInRequest
from tools.baseline import BASELINE, without_comments

PROTOS = BASELINE.parent


def installed() -> FileDescriptorSet:
    return FileDescriptorSet.FromString(
        files("proctorium").joinpath("descriptors.binpb").read_bytes()
    )


def ours(descriptors: FileDescriptorSet) -> list[FileDescriptorProto]:
    return [file for file in descriptors.file if file.package.startswith("proctorium.")]


def buf(folder: Path, command: str, descriptors: FileDescriptorSet, *arguments: object) -> str:
    changed = folder / "changed.binpb"
    changed.write_bytes(descriptors.SerializeToString())
    done = subprocess.run(
        [
            Path(sys.executable).parent / "buf",
            *(command, changed, "--config", PROTOS / "buf.yaml", "--path", "proctorium"),
            *(str(argument) for argument in arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (done.stdout + done.stderr == "")
    return done.stdout + done.stderr


def test_all_protos_are_in_the_package_as_descriptors_and_modules() -> None:
    written = {str(path.relative_to(PROTOS)) for path in PROTOS.glob("proctorium/**/*.proto")}
    assert {file.name for file in ours(installed())} == written
    for name in written:
        import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")


def test_descriptors_include_imports_and_comments() -> None:
    descriptors = installed()
    names = {file.name for file in descriptors.file}
    assert {imported for file in descriptors.file for imported in file.dependency} <= names
    assert all(file.source_code_info.location for file in ours(descriptors))


def test_rules_of_the_protos_are_enforced_on_messages() -> None:
    [violation, *_] = protovalidate.collect_violations(SignInRequest(password="x"))
    assert violation.proto.field is not None
    assert violation.proto.field.elements[0].field_name == "email"


def remove_field(file: FileDescriptorProto) -> None:
    del next(message for message in file.message_type if message.field).field[0]


def renumber_value(file: FileDescriptorProto) -> None:
    next(enum for enum in file.enum_type).value[-1].number = 77


def rename_method(file: FileDescriptorProto) -> None:
    next(service for service in file.service).method[0].name = "Renamed"


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("proctorium/enrollment/v1/codes.proto", remove_field),
        ("proctorium/enrollment/v1/reasons.proto", renumber_value),
        ("proctorium/enrollment/v1/codes.proto", rename_method),
        ("proctorium/session/events/v1/events.proto", remove_field),
    ],
)
def test_breaking_change_is_found(
    tmp_path: Path, file: str, change: Callable[[FileDescriptorProto], None]
) -> None:
    baseline = without_comments(installed())
    against = tmp_path / "baseline.binpb"
    against.write_bytes(baseline.SerializeToString())
    assert buf(tmp_path, "breaking", baseline, "--against", against) == ""
    change(next(proto for proto in baseline.file if proto.name == file))
    assert file in buf(tmp_path, "breaking", baseline, "--against", against)


def test_element_without_a_comment_is_found(tmp_path: Path) -> None:
    descriptors = installed()
    file = next(each for each in ours(descriptors) if each.service)
    first_service = (FileDescriptorProto.SERVICE_FIELD_NUMBER, 0)
    location = next(
        each for each in file.source_code_info.location if tuple(each.path) == first_service
    )
    location.ClearField("leading_comments")
    assert "should have a non-empty comment" in buf(tmp_path, "lint", descriptors)
