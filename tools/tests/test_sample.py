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
"""The text that the servers print."""
'''
_MARKDOWN = """# How it works

The server is started by `make up`. It prints its
address when it is ready.

```
this code is not a sentence at all
```

- A list item is a sentence too.

  ```sh
  this code is not a sentence either
  ```
"""


def test_docstrings_and_comments_of_python_are_drawn_with_the_code_beside_them() -> None:
    drawn = sorted(
        sample.texts_of("a.py", _PYTHON), key=lambda text: int(text.place.partition(":")[2])
    )
    assert drawn == [
        sample.Text("a.py:1", "Start and stop the servers."),
        sample.Text("a.py:5", "Start all of the servers.", "def start() -> None:"),
        sample.Text(
            "a.py:6", "A server that is started twice listens on two ports.", "run()  # short"
        ),
        sample.Text(
            "a.py:12",
            "The text that the servers print.",
            'TEXT = "# This is a text and no comment."',
        ),
    ]


def test_sentences_of_documents_are_drawn_with_the_sentence_before_and_without_code() -> None:
    first = "The server is started by `make up`."
    second = "It prints its address when it is ready."
    assert list(sample.texts_of("a.md", _MARKDOWN)) == [
        sample.Text("a.md:3", first, "# How it works"),
        sample.Text("a.md:3", second, first),
        sample.Text("a.md:10", "- A list item is a sentence too.", second),
    ]


def test_comments_of_other_languages_are_drawn_by_their_mark() -> None:
    source = """#before = 1 2 3;
// The server is started once only.
start();
/**
 * Stops the server, and
 * waits for its end.
 */
stop();
"""
    assert list(sample.texts_of("a.ts", source)) == [
        sample.Text("a.ts:2", "The server is started once only.", "start();"),
        sample.Text("a.ts:8", "Stops the server, and waits for its end.", "stop();"),
    ]


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
