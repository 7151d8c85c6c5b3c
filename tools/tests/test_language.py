"""Tests of the checks of phrases, identifiers and commit subjects."""

from __future__ import annotations

import pytest

from tools.checks.language import check_subjects, check_texts


@pytest.mark.parametrize(
    "line",
    [
        "# Whoever asks again waits.",
        "# Who comes later waits.",
        "for so many seconds",
        "    Sent anew.",
        "is told to wait",
        "learners hand it in",
        "_unseal(text)",
        "ring_bell = 3",
    ],
)
def test_forbidden_phrase_or_identifier_is_found(line: str) -> None:
    assert list(check_texts([("services/x.py", f"first\n{line}\n")]))


def test_finding_has_its_location_and_a_suggestion() -> None:
    assert list(check_texts([("docs/x.md", "ok\nfor ever\n")])) == [
        "docs/x.md:2: “for ever”: permanently"
    ]


def test_plain_text_the_glossary_and_other_file_types_pass() -> None:
    assert not list(
        check_texts(
            [
                ("services/x.py", "An attempt holds the label of its answer."),
                ("docs/glossary.md", "anew"),
                ("services/x.png", "anew"),
            ]
        )
    )


@pytest.mark.parametrize(
    "subject",
    ["Added pause", "Adding pause", "Adds pause", "add pause", "A pause", "Add " + "x" * 69],
)
def test_subject_that_is_not_a_short_imperative_is_found(subject: str) -> None:
    assert list(check_subjects([subject]))


@pytest.mark.parametrize(
    "subject",
    [
        "Add pause and resume to the time ledger",
        "Embed fonts",
        "Bring back retries",
        "Process events",
    ],
)
def test_short_imperative_subject_passes(subject: str) -> None:
    assert not list(check_subjects([subject]))
