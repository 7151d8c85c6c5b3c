"""Check that every error reason in the code is declared in the protos, where developers of clients can find it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tools.checks.sources import Source, text_of

_ERRORS = "proctorium_common.errors"
_REASON_FIRST = frozenset(
    {
        "invalid",
        "not_found",
        "already_exists",
        "not_allowed",
        "unauthenticated",
        "conflict",
        "exhausted",
        "unavailable",
        "timed_out",
    }
)


def check_reasons(
    sources: Iterable[Source], own: frozenset[str], common: frozenset[str], owner: str
) -> Iterator[str]:
    """Yield a finding for each reason in `sources` that is neither in `own` nor in `common`.

    `own` are the reasons that the protos of `owner` declare. `common` are the reasons that all services share.
    """
    for source in sources:
        for call in source.calls():
            reason = _reason_of(source, call)
            if reason is not None and reason not in own | common:
                enum = "COMMON_REASON" if owner == "options" else "REASON"
                yield (
                    f'{source.at(call)}: the reason "{reason}" is declared in no proto. Add {enum}_{reason} with its '
                    f"comment to the reasons of proctorium.{owner}.v1, or use one that exists."
                )


def _reason_of(source: Source, call: ast.Call) -> str | None:
    """Return the reason of the ServiceError that `call` creates, or None if `call` has no literal reason."""
    called = source.dotted(call.func) or ""
    module, _, name = called.rpartition(".")
    if module not in (_ERRORS, "") and not called.startswith("proctorium_common"):
        return None
    if name == "ServiceError":
        return text_of(_argument(call, 1))
    if name == "invalid_transition":
        return text_of(_keyword(call, "reason"))
    if module == _ERRORS and name in _REASON_FIRST:
        return text_of(_argument(call, 0))
    return None


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return _keyword(call, "reason")


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
