"""How all tests run: property tests are not timed, since a busy machine is not a fault, and a file's tests stay together.

Two workers share the files; the end-to-end tests, which share one running system, all go to one of them.
"""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("proctorium", deadline=None)
settings.load_profile("proctorium")

END_TO_END = Path(__file__).parent / "tests" / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Names the group of tests that one worker runs after each other."""
    for item in items:
        group = END_TO_END if item.path.is_relative_to(END_TO_END) else item.path
        item.add_marker(pytest.mark.xdist_group(str(group)))
    # The longest group first, or the other worker would wait for it at the end.
    items.sort(key=lambda item: not item.path.is_relative_to(END_TO_END))
