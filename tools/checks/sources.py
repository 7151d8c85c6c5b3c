"""Read our Python files: what they import and call, by full names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A Python file; findings show its `path`."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> dict[str, str]:
        """The full name of each imported local name, wherever in the file the import is."""
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
        """Return every call in the file."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def at(self, node: ast.expr | ast.stmt) -> str:
        """Return the position of `node` as `path:line`."""
        return f"{self.path}:{node.lineno}"

    def dotted(self, node: ast.expr) -> str | None:
        """Return the full dotted name of a name or attribute; None for any other expression."""
        match node:
            case ast.Name(id=name):
                return self.imports.get(name, name)
            case ast.Attribute(value=value, attr=attribute):
                owner = self.dotted(value)
                return f"{owner}.{attribute}" if owner else None
            case _:
                return None


def read_sources(folder: Path, root: Path) -> list[Source]:
    """Return every Python file under `folder`, with paths relative to `root`."""
    return [
        Source(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    ]


def imported(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every absolute import, wherever in the file, with the full name of what it imports."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node, f"{node.module}.{name.name}") for name in node.names)


def text_of(node: ast.expr | None) -> str | None:
    """Return the value of a string literal; None for any other expression."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case _:
            return None
