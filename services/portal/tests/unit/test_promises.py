"""Test that pages, mails, error messages and protos do not mention the missing features in `PROMISES`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
TEXTS = sorted(
    path
    for pattern in (
        "services/portal/web/src/**/*.ts*",
        "services/*/src/*/domain/*.py",
        "services/*/src/*/operations/*.py",
        "protos/proctorium/**/*.proto",
        "services/notification/src/*/messages/templates/**/*.jinja",
    )
    for path in ROOT.glob(pattern)
    if "/gen/" not in str(path)
)
PROMISES = {
    "makeup sessions": "makeup",
    "the session's chat": r"session's chat|Chat der Sitzung|chat with your proctor",
    "reading what was recorded": r"see what was recorded|was über Sie festgehalten",
    "taking an assessment again": r"take the assessment again|whether and when you can take it again",
    "retakes": r"another one needs (your|an) administrator's approval",
    "a person who answers": r"a person will answer you|ein Mensch wird Ihnen antworten|you can say your side",
    "a person who decides about late answers": r"person\s+decides about them|a person\s+can look at it|administrator decides about it",
}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_texts_mention_no_missing_feature(promise: str) -> None:
    assert TEXTS
    found = [
        str(path.relative_to(ROOT))
        for path in TEXTS
        if re.search(promise, path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert found == []
