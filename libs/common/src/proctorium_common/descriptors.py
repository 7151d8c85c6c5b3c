"""Descriptors of every proto of this installation, with their options, for code that is generated from the protos."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

import proctorium

DESCRIPTORS = Path(proctorium.__path__[0]) / "descriptors.binpb"
"""The file that holds them, as Envoy reads it too."""


def descriptor_set() -> FileDescriptorSet:
    """Return the content of the file."""
    return FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
