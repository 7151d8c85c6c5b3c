"""A test that compares the README with the code."""

from __future__ import annotations

from pathlib import Path

from proctorium_assessment.settings import Settings
from proctorium_common.process.settings import ServiceSettings, documentation

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_readme_lists_every_setting_of_the_service() -> None:
    own = documentation(Settings).keys() - documentation(ServiceSettings).keys()
    assert own
    assert [name for name in sorted(own) if f"`{name}`" not in README] == []
