"""The descriptors of all protos, with the options of messages and methods. Code generators read the descriptors."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

DESCRIPTORS = Path(str(files("proctorium") / "descriptors.binpb"))
"""The path of the file with the descriptors. Envoy also reads this file."""


def descriptor_set() -> FileDescriptorSet:
    """Return the descriptors of all protos."""
    return FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
