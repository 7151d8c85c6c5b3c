"""Test that the reviewed table `matrix.md` is equal to the table that is generated from the servers' responses."""

from __future__ import annotations

from authorisation.matrix import MATRIX, generate
from proctorium_devstack.testing.contracts import all_methods, path_of

_HINT = (
    "Run `make authorisation`, review the difference of tests/authorisation/matrix.md line by line, and commit it: "
    "each line there grants access to somebody."
)


async def test_matrix_matches_the_servers() -> None:
    reviewed = MATRIX.read_text(encoding="utf-8")
    missing = [path for m in all_methods() if f"| {(path := path_of(m)[1:])} |" not in reviewed]
    assert missing == [], f"These RPCs have no row in the authorisation matrix. {_HINT}"
    assert await generate() == reviewed, _HINT


def test_forged_and_expired_tokens_are_admitted_only_where_no_token_is_needed() -> None:
    lines = MATRIX.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| proctorium.")]
    assert len(cells) == len(all_methods())
    for _, nothing, forged, expired, *_ in cells:
        public = nothing == "yes"
        assert (forged == "yes", expired == "yes") == (public, public)
