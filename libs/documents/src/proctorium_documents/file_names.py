"""Names of files for download."""

from __future__ import annotations

import re

_MAX_LENGTH = 80


def file_name(prefix: str, title: str, extension: str) -> str:
    """Return a file name with the words of a title, such as "certificate-Algebra.pdf"."""
    words = re.sub(r"[^\w]+", "-", title).strip("-_")[:_MAX_LENGTH]
    return f"{prefix}-{words or 'proctorium'}.{extension}"
