from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.api.cursors import NO_REVISION, cursor_revision, cursor_text


@given(revision=st.integers(0, 10**17))
def test_cursor_contains_its_revision(revision: int) -> None:
    assert cursor_revision(cursor_text(revision)) == revision


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "1.0", "9" * 40, "٣"],
    ids=["none", "word", "minus", "part", "long", "script"],
)
def test_unknown_cursor_is_older_than_every_revision(text: str) -> None:
    assert cursor_revision(text) == NO_REVISION
