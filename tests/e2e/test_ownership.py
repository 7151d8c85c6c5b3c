"""The table of whose resources a caller may use is what the running system does, and what was reviewed."""

from __future__ import annotations

from authorisation.ownership import OWNERSHIP, WITHOUT_RESOURCE, made_now, names_resource
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.contracts import all_methods

_CURE = (
    "Run `make authorisation`, review the difference of tests/authorisation/ownership.md line by line, and commit it: "
    "a line there is whose data somebody may use from now on."
)


async def test_everybody_uses_the_resources_that_the_table_says_and_no_others(stack: Stack) -> None:
    text, leaks = await made_now(stack.address("edge"))
    assert leaks == []
    assert text == OWNERSHIP.read_text(encoding="utf-8"), _CURE


def test_every_rpc_has_a_row_or_a_reason_why_it_names_no_resource() -> None:
    reviewed = OWNERSHIP.read_text(encoding="utf-8")
    names = {f"{method.containing_service.name}/{method.name}" for method in all_methods()}
    rows = {line.removeprefix("| ").split(" ")[0] for line in reviewed.splitlines()}
    assert names - rows == set(), _CURE
    assert WITHOUT_RESOURCE.keys() <= names
    for method in all_methods():
        name = f"{method.containing_service.name}/{method.name}"
        if name not in WITHOUT_RESOURCE:
            assert names_resource(method), f"{name} names no resource: say why in WITHOUT_RESOURCE"
