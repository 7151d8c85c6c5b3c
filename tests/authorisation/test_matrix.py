"""The authorisation matrix is what the servers do, and what was reviewed."""

from __future__ import annotations

from authorisation.matrix import MATRIX, made_now
from proctorium_devstack.testing.contracts import all_methods, path_of

_CURE = (
    "Run `make authorisation`, review the difference of tests/authorisation/matrix.md line by line, and commit it: "
    "a line there is what somebody may do from now on."
)


async def test_everybody_is_let_in_where_the_matrix_says_and_nowhere_else() -> None:
    reviewed = MATRIX.read_text(encoding="utf-8")
    missing = [path for m in all_methods() if f"| {(path := path_of(m)[1:])} |" not in reviewed]
    assert missing == [], f"These RPCs have no row in the authorisation matrix. {_CURE}"
    assert await made_now() == reviewed, _CURE


def test_nobody_gets_in_with_a_forged_token_where_no_token_is_refused() -> None:
    lines = MATRIX.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| proctorium.")]
    assert len(cells) == len(all_methods())
    for _, nothing, forged, expired, *_ in cells:
        public = nothing == "yes"
        assert (forged == "yes", expired == "yes") == (public, public)
