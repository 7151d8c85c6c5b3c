"""Read the comments of a `values.yaml`, from which the schema and the README of a chart are made.

The comment lines directly above a key describe the value. A line `# @schema {…}` adds to the JSON schema of the value,
whose type is otherwise the type of the default. An object permits only the keys that the file lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

Json = Mapping[str, object]

_SCHEMA = "@schema "
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "null": "null"}


class CommentError(Exception):
    """A value has no comment."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a chart: its path, description, default and JSON schema, and the values in it."""

    path: tuple[str, ...]
    description: str
    default: object
    schema: Json
    children: Sequence[Value]


def read_values(text: str) -> list[Value]:
    """Return the values of a `values.yaml`. Raises CommentError."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines()
    return list(_read(node, lines, ())) if isinstance(node, yaml.MappingNode) else []


def _read(node: yaml.MappingNode, lines: Sequence[str], path: tuple[str, ...]) -> Iterator[Value]:
    for key, child in node.value:
        own = (*path, str(key.value))
        description, schema = _comment(lines, key.start_mark.line)
        is_open = "additionalProperties" in schema
        nested = isinstance(child, yaml.MappingNode) and bool(child.value)
        children = list(_read(child, lines, own)) if nested and not child.flow_style else []
        default = yaml.SafeLoader("").construct_document(child)
        if not description and not children:
            raise CommentError(f"{'.'.join(own)} has no comment.")
        inferred = _inferred(child, children, is_open=is_open or not children)
        described = {"description": description} if description else {}
        yield Value(own, description, default, {**described, **inferred, **schema}, children)


def _comment(lines: Sequence[str], line: int) -> tuple[str, dict[str, object]]:
    described: list[str] = []
    schema: dict[str, object] = {}
    for text in _above(lines, line):
        if text.startswith(_SCHEMA):
            schema = {**json.loads(text.removeprefix(_SCHEMA)), **schema}
        else:
            described.insert(0, text)
    return " ".join(described), schema


def _above(lines: Sequence[str], line: int) -> Iterator[str]:
    """Yield the comment lines directly above `line`, from the last to the first."""
    for number in range(line - 1, -1, -1):
        text = lines[number].strip()
        if not text.startswith("#") or text.startswith("# ---"):
            return
        yield text.removeprefix("#").strip()


def _inferred(node: yaml.Node, children: Sequence[Value], *, is_open: bool) -> dict[str, object]:
    if isinstance(node, yaml.MappingNode):
        properties = {child.path[-1]: child.schema for child in children}
        schema: dict[str, object] = {"type": "object"}
        if properties:
            schema["properties"] = properties
        if not is_open:
            schema["additionalProperties"] = False
        return schema
    if isinstance(node, yaml.SequenceNode):
        return {"type": "array"}
    return {"type": _TYPES[node.tag.rpartition(":")[2]]}


def schema_of(values: Sequence[Value], *, also: Sequence[str] = ()) -> str:
    """Return the text of `values.schema.json`. The keys in `also` are permitted in addition to the values."""
    properties: dict[str, object] = {value.path[-1]: value.schema for value in values}
    # Helm passes an empty object for each dependency to the templates and the schema.
    properties |= {key: {"type": "object"} for key in also}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def table_of(values: Sequence[Value]) -> str:
    """Return the values as a Markdown table."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    rows += (
        f"| `{'.'.join(value.path)}` | `{json.dumps(value.default, ensure_ascii=False)}` | {_cell(value.description)} |"
        for value in leaves(values)
    )
    return "\n".join(rows)


def leaves(values: Sequence[Value]) -> Iterator[Value]:
    """Yield the values that contain no others."""
    for value in values:
        if value.children:
            yield from leaves(value.children)
        else:
            yield value


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
