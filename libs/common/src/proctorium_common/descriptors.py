"""The descriptors of all protos, with their options, for code that is generated from them."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

import proctorium

DESCRIPTORS = Path(proctorium.__path__[0]) / "descriptors.binpb"
"""The file with the descriptors, which Envoy reads too."""


def descriptor_set() -> FileDescriptorSet:
    """Return the descriptors of all protos."""
    return FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
