"""``make protos-baseline``: writes protos/baseline.binpb, the state of the contract that clients may rely on.

`buf breaking` compares with this file, so the check works offline and in a clone without history. Renew and commit it
when a breaking change is intended; the review then sees the break as a change of this file, with its reason. Comments
are left out, because changing one breaks no client.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

BASELINE = Path(__file__).resolve().parent.parent / "protos" / "baseline.binpb"


def main() -> None:
    """Write the descriptors of the installed package `proctorium`."""
    descriptors = FileDescriptorSet.FromString(
        files("proctorium").joinpath("descriptors.binpb").read_bytes()
    )
    BASELINE.write_bytes(without_comments(descriptors).SerializeToString(deterministic=True))
    print(f"{BASELINE.name} now holds {len(descriptors.file)} files; commit it with the protos.")


def without_comments(descriptors: FileDescriptorSet) -> FileDescriptorSet:
    """Return a copy without comments, which only readers and `buf lint` need."""
    bare = FileDescriptorSet()
    bare.CopyFrom(descriptors)
    for file in bare.file:
        file.ClearField("source_code_info")
    return bare


if __name__ == "__main__":
    main()
