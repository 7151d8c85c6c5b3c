"""Tests of the tool that prints random texts for a review."""

from __future__ import annotations

import pytest

from tools import sample

_PYTHON = '''"""Start and stop the servers."""


def start() -> None:
    """Start all of the servers."""
    # A server that is started twice
    # listens on two ports.
    run()  # short


TEXT = "# This is a text and no comment."
'''
_MARKDOWN = """# How it works

The server is started by `make up`. It prints its
address when it is ready.

```
this code is not a sentence at all
```

- A list item is a sentence too.
"""


def test_docstrings_and_comments_of_python_are_drawn_with_their_lines() -> None:
    assert sorted(sample.texts_of("a.py", _PYTHON)) == [
        ("a.py:1", "Start and stop the servers."),
        ("a.py:5", "Start all of the servers."),
        ("a.py:6", "A server that is started twice listens on two ports."),
    ]


def test_sentences_of_documents_are_drawn_without_code() -> None:
    assert list(sample.texts_of("a.md", _MARKDOWN)) == [
        ("a.md:3", "The server is started by `make up`."),
        ("a.md:3", "It prints its address when it is ready."),
        ("a.md:10", "- A list item is a sentence too."),
    ]


def test_comments_of_other_languages_are_drawn_by_their_mark() -> None:
    source = "#before = 1 2 3;\n// The server is started once only.\n"
    assert list(sample.texts_of("a.ts", source)) == [("a.ts:2", "The server is started once only.")]


def test_same_seed_draws_the_same_texts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sample, "_files", lambda: ["tools/sample.py", "README.md"])
    drawn = []
    for _ in range(2):
        sample.main(["3", "--seed", "7"])
        drawn.append(capsys.readouterr().out)
    assert drawn[0] == drawn[1]
    assert "seed 7" in drawn[0]
