"""Sentences for people about fields that break a rule of their proto.

protovalidate describes a violation in the terms of protobuf ("must contain at least 1 item(s)"). A form shows the sentence beside
the field's label, so each sentence here stands alone and says what to do.
"""

from __future__ import annotations

from protovalidate import Violation

_FIXED = {
    "required": "Fill this in.",
    "string.email": "This is not an e-mail address.",
    "string.uuid": "This is not an ID. Check the link, or open the page again from where you came.",
    "enum.defined_only": "Choose one of the options.",
    "enum.not_in": "Choose one of the options.",
    "repeated.unique": "The same entry is there twice.",
    "bytes.min_len": "This file is empty.",
}
# By rule: the sentence for a limit of one, and for any other limit.
_WITH_LIMIT = {
    "string.min_len": ("Fill this in.", "Write at least {} characters."),
    "string.max_len": ("Write one character at most.", "Write {} characters at most."),
    "repeated.min_items": ("Choose at least one.", "Choose at least {}."),
    "repeated.max_items": ("Choose one at most.", "Choose {} at most."),
    "bytes.max_len": ("This file is too large.", "This file is too large: {} bytes are allowed."),
}


def sentence_of(violation: Violation) -> str:
    """Return a sentence that tells a person what to change in the field of `violation`.

    A rule that is not listed here needs no translation: our own rules (CEL) have messages written for people, and "must be greater
    than or equal to 0" becomes "This must be greater than or equal to 0."
    """
    rule = violation.proto.rule_id or ""
    if rule in _FIXED:
        return _FIXED[rule]
    if rule in _WITH_LIMIT:
        one, several = _WITH_LIMIT[rule]
        return one if violation.rule_value == 1 else several.format(violation.rule_value)
    return as_sentence(violation.proto.message or "is not valid")


def as_sentence(message: str) -> str:
    """Return `message` as a whole sentence: "must be …" and "is …" get a subject."""
    subject = "This " if message.startswith(("must ", "is ")) else ""
    whole = subject + message
    return whole[0].upper() + whole[1:] + ("" if whole.endswith((".", "!", "?")) else ".")
