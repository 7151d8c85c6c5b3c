"""Tests of the check that finds code that behaves differently on old Python versions."""

from __future__ import annotations

from textwrap import dedent

from tools.checks.old_pythons import check_groups
from tools.checks.sources import Source


def findings(text: str) -> list[str]:
    return list(check_groups([Source("some.py", dedent(text))]))


def test_exception_raised_in_an_except_group_clause_is_found() -> None:
    (finding,) = findings(
        """
        try:
            work()
        except* OSError as failures:
            if failures.exceptions:
                raise failures.exceptions[0] from None
        """
    )
    assert finding.startswith("some.py:6: ")


def test_exceptions_raised_elsewhere_are_not_found() -> None:
    assert not findings(
        """
        try:
            work()
        except OSError as failure:
            raise ValueError from failure
        try:
            work()
        except* OSError as failures:
            def later():
                raise ValueError
            failed = failures.exceptions[0]
        except* ValueError:
            raise
        raise failed
        """
    )
