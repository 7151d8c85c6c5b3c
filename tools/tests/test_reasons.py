"""Tests of the check that finds error reasons that no proto declares."""

from __future__ import annotations

import pytest

from tools.checks.reasons import check_reasons
from tools.checks.sources import Source

OWN = frozenset({"SESSION_FULL", "PAUSED"})
COMMON = frozenset({"NOT_FOUND", "INVALID_STATE_TRANSITION"})


def findings(code: str) -> list[str]:
    return list(check_reasons([Source("a.py", code)], OWN, COMMON, "session"))


@pytest.mark.parametrize(
    "code",
    [
        'from proctorium_common.errors import not_found\nraise not_found("NOT_FOUND", "x")',
        'from proctorium_common.errors import exhausted as full\nraise full("SESSION_FULL", "x")',
        'from proctorium_common import errors\nraise errors.invalid("SESSION_FULL", "x")',
        'from proctorium_common.errors import ServiceError, Kind\nServiceError(Kind.INVALID, "SESSION_FULL", "x")',
        'from proctorium_common.errors import invalid_transition\ninvalid_transition("x", reason="PAUSED")',
        'from proctorium_common.errors import invalid_transition\ninvalid_transition("BUSY is a sentence here")',
        'from elsewhere import invalid\ninvalid("NOT_OURS", "x")',
    ],
    ids=[
        "common",
        "renamed",
        "by module",
        "class",
        "transition",
        "transition without reason",
        "another invalid",
    ],
)
def test_reasons_of_the_protos_pass(code: str) -> None:
    assert findings(code) == []


@pytest.mark.parametrize(
    "code",
    [
        'from proctorium_common.errors import not_found\nraise not_found("LOST", "x")',
        'from proctorium_common.errors import exhausted as full\nraise full("LOST", "x")',
        'from proctorium_common import errors\nraise errors.invalid("LOST", "x")',
        'import proctorium_common.errors\nraise proctorium_common.errors.invalid("LOST", "x")',
        'from proctorium_common.errors import ServiceError, Kind\nServiceError(Kind.INVALID, "LOST", "x")',
        'from proctorium_common.errors import ServiceError, Kind\nServiceError(Kind.INVALID, reason="LOST")',
        'from proctorium_common.errors import invalid_transition\ninvalid_transition("x", reason="LOST")',
    ],
    ids=[
        "imported",
        "renamed",
        "by module",
        "by full name",
        "class",
        "class by keyword",
        "transition",
    ],
)
def test_reason_that_no_proto_declares_is_found(code: str) -> None:
    [found] = findings(code)
    assert found.startswith('a.py:2: the reason "LOST" is declared in no proto')
    assert "REASON_LOST" in found
