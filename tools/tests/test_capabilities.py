"""Test that the capabilities in the glossary's table are exactly those that the sources cite."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.checks.language import TEXTS
from tools.environment import ROOT

_ID = r"[ACINOPSW]\d{1,2}"
_CITED = re.compile(rf"`({_ID})`|\(({_ID})\)")
_ROW = re.compile(rf"^\| `({_ID})` \| [^|]+\. \|$", re.MULTILINE)


def test_glossary_describes_exactly_the_cited_capabilities() -> None:
    described = _ROW.findall((ROOT / "docs" / "glossary.md").read_text("utf-8"))
    assert len(described) == len(set(described))
    assert set(described) == {capability for text in _sources() for capability in _cited(text)}


def _cited(text: str) -> Iterator[str]:
    for match in _CITED.finditer(text):
        yield match[1] or match[2]


def _sources() -> Iterator[str]:
    """Yield the text of each source file in which a capability may be cited. Documents (*.md) are not included."""
    for folder in ("libs", "protos", "services", "tests"):
        for path in (ROOT / folder).rglob("*"):
            name = str(path.relative_to(ROOT))
            if not name.endswith(".md") and TEXTS.search(name) and path.is_file():
                yield path.read_text("utf-8")
