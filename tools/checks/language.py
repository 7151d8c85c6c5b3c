"""Find phrases and identifiers that `docs/glossary.md` forbids, and check commit subjects.

A forbidden word that is correct in another sense, such as *attempt* or *hold*, is not checked here but in reviews.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

TEXTS = re.compile(
    r"^(?!.*(node_modules|/gen/|\.built|__pycache__|\.egg-info)).*"
    r"(\.(md|proto|py|sh|ts|tsx|toml|yaml|yml|j2|lua|html)|(^|/)(Makefile|Dockerfile))$"
)
"""A pattern of the paths of the checked files. The pattern excludes installed and generated files."""

_GLOSSARY = "docs/glossary.md"
_CHECK = re.compile(r"^tools/(checks|tests)/(test_)?language\.py$")

GLOSSARY_SINCE = "2026-11-29T02:00:00Z"
"""Only the subjects of commits after this time are checked."""
SUBJECT_LIMIT = 72
_IMPERATIVE = re.compile(
    r"(Embed|Feed|Need|Seed|Speed|Bring|String|(?!\w*(ed|ing|[^s]s)$)[A-Z][a-z-]+)"
)
"""A pattern of the first word of a commit subject.

The word must be capitalised. It must not look like a past tense, a participle or a third-person form.
"""

PHRASES: Mapping[str, str] = {
    r"\bwhoever\b": "name the caller, the learner, the process",
    r"(?:^|[.;:] |\"\"\"|# )(?-i:Who) (comes|goes|sends|asks|waits|hears|looks|knows) (?!whom)": "name the person or process",
    r"\banew\b": "again",
    r"\bfor ever\b": "permanently",
    r"\bhand(s|ed|ing)? (it |them |the attempt )?in\b": "submit",
    r"\billegal moves?\b": "invalid transition",
    r"\b(after|before|until) the bell\b": "the deadline",
    r"\bis (told|asked for|looked at)\b": "say who receives, requests or reads it",
    r"\bas one likes\b": "say what is allowed",
    r"\b(at most|for|after|than|waits?) so many\b": "give the number or its name",
}
"""Regular expressions of phrases that are never right. Each maps to a suggestion for a better phrase."""

IDENTIFIERS: Mapping[str, str] = {
    "bell": "deadline",
    "begun": "started",
    "anew": "again",
    "unseal": "decrypt",
}
"""Words that an identifier must not contain if it consists of several words. Each maps to the word of the glossary."""

_IDENTIFIER = re.compile(r"[A-Za-z]*(?:_[A-Za-z0-9]+)+|[A-Za-z]+[a-z][A-Z][A-Za-z0-9]*")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PHRASES = [(re.compile(phrase, re.IGNORECASE), better) for phrase, better in PHRASES.items()]


def check_texts(files: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a finding for each forbidden phrase or identifier. `files` contains the path and the text of each file."""
    for path, text in files:
        if path == _GLOSSARY or _CHECK.search(path) or not TEXTS.search(path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield from (f"{path}:{number}: {finding}" for finding in _findings(line))


def _findings(line: str) -> Iterator[str]:
    for phrase, better in _PHRASES:
        if found := phrase.search(line):
            yield f"“{found.group().strip()}”: {better}"
    for identifier in _IDENTIFIER.findall(line):
        for word in _WORD.findall(identifier):
            if instead := IDENTIFIERS.get(word.lower()):
                yield f"{identifier}: “{word.lower()}” is “{instead}” (docs/glossary.md)"


def check_subjects(subjects: Iterable[str]) -> Iterator[str]:
    """Yield a finding for each commit subject that is too long or does not begin with an imperative."""
    for subject in subjects:
        if len(subject) > SUBJECT_LIMIT:
            yield f"“{subject}”: {len(subject)} characters; at most {SUBJECT_LIMIT}"
        first = subject.partition(" ")[0]
        if not _IMPERATIVE.fullmatch(first):
            yield f"“{subject}”: begin with a verb in the imperative, such as “Add” or “Rename”"
