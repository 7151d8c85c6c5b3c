"""Read Python files: find the imports and calls, and the full dotted names of imported objects."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A Python file: the text, and the path that findings contain."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> dict[str, str]:
        """The full dotted name of each imported object, by its name in this file.

        Imports inside of functions are included.
        """
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    local = name.asname or name.name.partition(".")[0]
                    found[local] = name.name if name.asname else local
            elif isinstance(node, ast.ImportFrom):
                for name in node.names:
                    found[name.asname or name.name] = (
                        f"{'.' * node.level}{node.module or ''}.{name.name}"
                    )
        return found

    def calls(self) -> Iterator[ast.Call]:
        """Return all calls in the file."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def at(self, node: ast.expr | ast.stmt) -> str:
        """Return the position of `node` as `path:line`."""
        return f"{self.path}:{node.lineno}"

    def dotted(self, node: ast.expr) -> str | None:
        """Return the full dotted name of an expression that is a name or attribute, or None for other expressions."""
        match node:
            case ast.Name(id=name):
                return self.imports.get(name, name)
            case ast.Attribute(value=value, attr=attribute):
                owner = self.dotted(value)
                return f"{owner}.{attribute}" if owner else None
            case _:
                return None


def read_sources(folder: Path, root: Path) -> list[Source]:
    """Return all Python files in `folder` and its subfolders. Their paths are relative to `root`."""
    return [
        Source(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    ]


def imported(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the statement and the full imported name of each absolute import. Imports in functions are included."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node, f"{node.module}.{name.name}") for name in node.names)


def text_of(node: ast.expr | None) -> str | None:
    """Return the value of a string literal, or None for other expressions."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case _:
            return None
