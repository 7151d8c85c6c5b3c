"""Find code that behaves differently on the oldest supported Python (3.11.0). No linter finds such code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tools.checks.sources import Source

_NEW_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def check_groups(sources: Iterable[Source]) -> Iterator[str]:
    """Yield a finding for each `raise` in an `except*` clause.

    Python before 3.11.4 wraps the raised exception in a group. Later versions do not.
    """
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.TryStar):
                for handler in node.handlers:
                    for raised in _raised(handler.body):
                        yield (
                            f"{source.at(raised)}: before Python 3.11.4, what is raised inside of `except*` is wrapped in a "
                            "group. Assign it to a variable and raise it after the `try` statement."
                        )


def _raised(body: Iterable[ast.stmt]) -> Iterator[ast.Raise]:
    """Yield each `raise` statement that has an exception.

    A bare `raise` is not yielded, because it raises the group again, as intended.
    """
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield node
        if not isinstance(node, _NEW_SCOPES):
            waiting += ast.iter_child_nodes(node)
