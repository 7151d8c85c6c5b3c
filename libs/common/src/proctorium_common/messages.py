"""Conversions between Python values and message fields.

The modules `api/messages.py` and `events.py` of the services and the subscribers use these conversions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar, overload
from uuid import UUID

from google.api import field_behavior_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium_common.errors import Violation, invalid
from proctorium_common.ids import parse_id

_BEHAVIOUR: Any = (
    field_behavior_pb2.field_behavior
)  # The type is `Any`, because the library does not annotate this object as an extension.
_FIXED = frozenset({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IMMUTABLE})

E = TypeVar("E", bound=Enum)
V = TypeVar("V", bound=int)
V_co = TypeVar("V_co", bound=int, covariant=True)


@overload
def to_timestamp(time: datetime) -> Timestamp: ...


@overload
def to_timestamp(time: datetime | None) -> Timestamp | None: ...


def to_timestamp(time: datetime | None) -> Timestamp | None:
    """Return the aware `time` as a Timestamp.

    If `time` is None, returns None, so that the message field stays absent.
    """
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """Return `stamp` as an aware time in UTC. The message field of `stamp` must be present."""
    return stamp.ToDatetime(tzinfo=UTC)


def id_text(value: UUID | None) -> str:
    """Return the id `value` as text, or an empty string for None."""
    return "" if value is None else str(value)


def optional_id(text: str, field: str) -> UUID | None:
    """Return the id in `text`, or None if `text` is empty. Raises INVALID_ID for `field` if `text` is not an id."""
    return parse_id(text, field) if text else None


def fields_to_update(resource: Message, mask: FieldMask) -> frozenset[str]:
    """Return the names of the fields of `resource` that an Update changes.

    An Update changes the fields in `mask`. If `mask` is empty, an Update changes all populated fields. The path "*"
    means all fields that can be updated. The etag, output-only fields and immutable fields cannot be updated. Raises
    INVALID_REQUEST for `update_mask` if a path names a field that cannot be updated, or an unknown field.
    """
    updatable = {field.name for field in resource.DESCRIPTOR.fields if _can_update(field)}
    if not mask.paths:
        return frozenset(field.name for field, _ in resource.ListFields()) & updatable
    named = set(mask.paths)
    if unknown := sorted(named - updatable - {"*"}):
        sentence = f"There is no field {unknown[0]} that can be changed."
        raise invalid(
            "INVALID_REQUEST",
            sentence,
            violations=[Violation("update_mask", "update_mask.paths", sentence)],
        )
    return frozenset(updatable if "*" in named else named)


def _can_update(field: Any) -> bool:
    stated = field.GetOptions().Extensions[_BEHAVIOUR]
    return field.name != "etag" and _FIXED.isdisjoint(stated)


class ProtoEnum(Protocol[V_co]):
    """The methods of a generated proto enum that `EnumConversion` calls."""

    def keys(self) -> list[str]:
        """Return the names of the values."""
        ...

    def Value(self, name: str) -> V_co:  # noqa: N802 - the generated name
        """Return the number of the value `name`."""
        ...


class EnumConversion(Generic[E, V]):
    """Converts between a Python enum and a proto enum by name: `CaseState.VERIFIED` is `CASE_STATE_VERIFIED`."""

    def __init__(self, python: type[E], proto: ProtoEnum[V], prefix: str) -> None:
        """Map the members of `python` to the values of `proto` by name.

        `prefix` is the prefix of the proto names, such as "CASE_STATE_". Raises ValueError if the names in the two
        enums differ. The proto name UNSPECIFIED is ignored.
        """
        ours = {f"{prefix}{member.name}" for member in python}
        theirs = set(proto.keys()) - {f"{prefix}UNSPECIFIED"}
        if ours != theirs:
            raise ValueError(f"{python.__name__} and {prefix}* differ: {sorted(ours ^ theirs)}")
        self._numbers = {member: proto.Value(f"{prefix}{member.name}") for member in python}
        self._members = {number: member for member, number in self._numbers.items()}

    def to_proto(self, member: E) -> V:
        """Return the proto number of `member`."""
        return self._numbers[member]

    def from_proto(self, number: V) -> E:
        """Return the member for a proto number. Raises KeyError for UNSPECIFIED and unknown numbers."""
        return self._members[number]
