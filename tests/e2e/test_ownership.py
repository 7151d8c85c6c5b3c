"""Test that the reviewed table `ownership.md` matches the access checks of the running system."""

from __future__ import annotations

from authorisation.ownership import OWNERSHIP, WITHOUT_RESOURCE, generate, names_resource
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.contracts import all_methods

_HINT = (
    "Run `make authorisation`, review the difference of tests/authorisation/ownership.md line by line, and commit it: "
    "each line there grants access to somebody's data."
)


async def test_ownership_table_matches_the_running_system(stack: Stack) -> None:
    text, leaks = await generate(stack.address("edge"))
    assert leaks == []
    assert text == OWNERSHIP.read_text(encoding="utf-8"), _HINT


def test_every_rpc_has_a_row_or_a_reason_for_having_none() -> None:
    reviewed = OWNERSHIP.read_text(encoding="utf-8")
    names = {f"{method.containing_service.name}/{method.name}" for method in all_methods()}
    rows = {line.removeprefix("| ").split(" ")[0] for line in reviewed.splitlines()}
    assert names - rows == set(), _HINT
    assert WITHOUT_RESOURCE.keys() <= names
    for method in all_methods():
        name = f"{method.containing_service.name}/{method.name}"
        if name not in WITHOUT_RESOURCE:
            assert names_resource(method), f"{name} names no resource: say why in WITHOUT_RESOURCE"
