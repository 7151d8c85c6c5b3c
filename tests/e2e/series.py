"""Find the series that the Prometheus queries name, and the series that a running stack exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "monitoring" / "rules.yaml"
DASHBOARDS = ROOT / "deploy" / "helm" / "proctorium" / "files" / "dashboards"
RECORDED = "proctorium:"
"""The prefix of the series that the rules themselves record."""

_TEXT = re.compile(r'"[^"]*"')
_RANGE = re.compile(r"\[[^]]*\]")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_:][\w:]*")
_FUNCTIONS = frozenset(
    [
        "absent",
        "and",
        "avg_over_time",
        "histogram_quantile",
        "increase",
        "max",
        "min",
        "or",
        "rate",
        "sum",
        "vector",
    ]
)
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)\{(.*)\} \S+")
_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Query:
    """A query: its place, the labels that it uses of each series, and the labels by which it groups."""

    place: str
    series: Mapping[str, frozenset[str]]
    grouping: frozenset[str]


def read_query(place: str, text: str) -> Query:
    """Return the series that a query names.

    Raises ValueError if a name is neither a known function nor followed by a selector or a range.
    """
    plain = _TEXT.sub('""', text)
    grouping = frozenset(re.findall(r"\w+", " ".join(_GROUPING.findall(plain))))
    plain = _GROUPING.sub(" ", plain)
    plain = re.sub(r"([\w:])\[", r"\1{}[", plain)  # a range without a selector
    series: dict[str, frozenset[str]] = {}
    for name, labels in _SELECTOR.findall(plain):
        series[name] = series.get(name, frozenset()) | frozenset(_LABEL.findall(labels))
    rest = _RANGE.sub(" ", _SELECTOR.sub(" ", plain))
    unknown = set(_NAME.findall(rest)) - _FUNCTIONS
    if unknown:
        raise ValueError(f"{place}: write {sorted(unknown)} with a selector, such as {{}}")
    return Query(place, series, grouping)


def queries() -> Iterator[Query]:
    """Yield the queries of all rules and dashboards."""
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield read_query(str(rule.get("alert") or rule["record"]), rule["expr"])
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel["targets"]:
                yield read_query(f"{path.stem}: {panel['title']}", target["expr"])


def recorded() -> frozenset[str]:
    """Return the names of the series that the rules record."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return frozenset(
        rule["record"] for group in groups for rule in group["rules"] if "record" in rule
    )


Exported = Mapping[str, list[Mapping[str, str]]]
"""The labels of each exported series, by the name of the metric."""


def read_exported(text: str) -> Exported:
    """Parse Prometheus's exposition format."""
    exported: dict[str, list[Mapping[str, str]]] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        assert found is not None, line
        exported.setdefault(found[1], []).append(dict(_PAIR.findall(found[2])))
    return exported


def problems(query: Query, exported: Exported) -> Iterator[str]:
    """Yield a description of each metric or label in the query that is neither exported nor recorded by a rule."""
    known = recorded()
    present: set[str] = set()
    for name, labels in query.series.items():
        if name in known:
            present.add("slo")
            continue
        of_series = {label for each in exported.get(name, ()) for label in each}
        present |= of_series
        if name not in exported:
            yield f"{query.place}: {name}"
        elif missing := labels - of_series:
            yield f"{query.place}: {name} has no label {sorted(missing)}"
    if present and (missing := query.grouping - present):
        yield f"{query.place}: no series has the label {sorted(missing)}"
