"""Tests of the names of files for download."""

from __future__ import annotations

import pytest

from proctorium_documents.file_names import file_name


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Laboratory safety", "report-Laboratory-safety.pdf"),
        ("../etc/passwd", "report-etc-passwd.pdf"),
        ("Prüfung: Teil 2?", "report-Prüfung-Teil-2.pdf"),
        ("\u202e…", "report-proctorium.pdf"),
        ("x" * 200, f"report-{'x' * 80}.pdf"),
    ],
    ids=["words", "path", "german", "no_words", "long"],
)
def test_file_name_has_only_words(title: str, expected: str) -> None:
    assert file_name("report", title, "pdf") == expected
