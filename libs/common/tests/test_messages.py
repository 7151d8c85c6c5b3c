"""Test conversions between Python values and fields of messages."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from proctorium.enrollment.v1.organisation_pb2 import Organisation
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import ServiceError
from proctorium_common.messages import (
    EnumConversion,
    fields_to_update,
    from_timestamp,
    id_text,
    optional_id,
    to_timestamp,
)

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ID = UUID("01a208e7-368e-7781-b7f0-f320cb68ad24")


class Kind(StrEnum):
    DOCUMENT = "document"
    SELFIE = "selfie"


def test_times_are_converted_both_ways_and_none_leaves_the_field_unset() -> None:
    case = pb.Case(submit_time=to_timestamp(NOON), decide_time=to_timestamp(None))
    assert from_timestamp(case.submit_time) == NOON
    assert not case.HasField("decide_time")


def test_optional_id_is_empty_or_valid() -> None:
    assert optional_id(id_text(ID), "case_id") == ID
    assert optional_id(id_text(None), "case_id") is None
    with pytest.raises(ServiceError, match="INVALID_ID"):
        optional_id("nonsense", "case_id")


def test_update_changes_the_masks_fields_or_the_set_ones() -> None:
    update = Organisation(name="Centre", etag="v1")
    assert fields_to_update(update, FieldMask()) == {"name"}
    assert fields_to_update(update, FieldMask(paths=["support_phone"])) == {"support_phone"}
    settable = {"name", "administrator_contact", "support_phone"}
    assert fields_to_update(update, FieldMask(paths=["*"])) == settable


@pytest.mark.parametrize(
    ("resource", "path"),
    [(Organisation(), "etag"), (Organisation(), "nothing"), (pb.Case(), "state")],
)
def test_mask_with_an_immutable_or_unknown_field_is_refused(
    resource: Organisation | pb.Case, path: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        fields_to_update(resource, FieldMask(paths=[path]))
    assert [each.field for each in refused.value.violations] == ["update_mask"]
    with pytest.raises(ServiceError):
        fields_to_update(resource, FieldMask(paths=["*", path]))


def test_enums_are_converted_by_name() -> None:
    kinds = EnumConversion(Kind, pb.EvidenceKind, "EVIDENCE_KIND_")
    assert kinds.to_proto(Kind.SELFIE) == pb.EVIDENCE_KIND_SELFIE
    assert kinds.from_proto(pb.EVIDENCE_KIND_DOCUMENT) is Kind.DOCUMENT


def test_enums_with_different_names_are_refused() -> None:
    class Fewer(StrEnum):
        DOCUMENT = "document"

    with pytest.raises(ValueError, match="EVIDENCE_KIND_SELFIE"):
        EnumConversion(Fewer, pb.EvidenceKind, "EVIDENCE_KIND_")
