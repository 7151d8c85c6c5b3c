"""Tests of the normalisation of the texts that learners enter as enrollment codes."""

from __future__ import annotations

import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.testing.code_texts import ACCEPTED, CODE, REFUSED
from proctorium_enrollment.domain.code_texts import LOOK_ALIKES, has_look_alikes, normalise
from proctorium_enrollment.domain.codes import ALPHABET


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=list(ACCEPTED))
def test_unambiguous_text_is_accepted(text: str) -> None:
    assert normalise(text, "text") == CODE


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_text_that_cannot_be_a_code_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as refused:
        normalise(text, "code")
    assert (refused.value.kind, refused.value.reason) == (Kind.INVALID, "CODE_MALFORMED")
    assert [violation.field for violation in refused.value.violations] == ["code"]


def test_case_is_significant() -> None:
    assert normalise(CODE.swapcase(), "text") == CODE.swapcase()


def test_sentence_names_the_problem() -> None:
    for text, part in (("Kf7Q2", "This text has 5."), ("Kf7Q2mXä", "“ä” cannot be part of one.")):
        with pytest.raises(ServiceError) as refused:
            normalise(text, "text")
        assert part in refused.value.message


def test_generated_codes_have_no_look_alikes() -> None:
    assert not has_look_alikes(ALPHABET)
    assert all(has_look_alikes(f"abcde{each}") for each in LOOK_ALIKES)
