"""``make protos-baseline``: writes protos/baseline.binpb, the version of the contract on which clients may rely.

`buf breaking` compares the protos with this file. Because the file is in the repository, the check works offline and in
a clone without history. After an intended breaking change, generate and commit the file again, so that reviewers notice
the breaking change. The file contains no comments of the protos, because a changed comment breaks no client.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

BASELINE = Path(__file__).resolve().parent.parent / "protos" / "baseline.binpb"


def main() -> None:
    """Write the descriptors of the installed package `proctorium` to the file of the baseline."""
    descriptors = FileDescriptorSet.FromString(
        files("proctorium").joinpath("descriptors.binpb").read_bytes()
    )
    BASELINE.write_bytes(without_comments(descriptors).SerializeToString(deterministic=True))
    print(f"{BASELINE.name} now holds {len(descriptors.file)} files; commit it with the protos.")


def without_comments(descriptors: FileDescriptorSet) -> FileDescriptorSet:
    """Return a copy of `descriptors` without comments."""
    bare = FileDescriptorSet()
    bare.CopyFrom(descriptors)
    for file in bare.file:
        file.ClearField("source_code_info")
    return bare


if __name__ == "__main__":
    main()
