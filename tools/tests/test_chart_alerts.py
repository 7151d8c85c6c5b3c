"""Tests of the alerts and dashboards: cases that promtool runs, runbooks, and the objects of the charts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from proctorium_common.telemetry.logs import CallLine, CallLog
from tools.charts.checks import RENDERS
from tools.charts.generate import RULES
from tools.environment import ROOT
from tools.tests.chart_objects import Rendered

CASES = RULES.with_name("rules_test.yaml")
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["## What it means", "## What to look at", "## What to type"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


NAMES = sorted({rule["alert"] for rule in alerts()})


def runbook_of(alert: str) -> Path:
    """Return the path of the runbook: the name of the alert in kebab case."""
    return RUNBOOKS / f"{re.sub(r'(?<=[a-z])(?=[A-Z])', '-', alert).lower()}.md"


@pytest.fixture(scope="module")
def large() -> Rendered:
    return Rendered((RENDERS / "large.yaml").read_text("utf-8"))


@pytest.mark.parametrize("arguments", [("check", "rules", RULES), ("test", "rules", CASES)], ids=["syntax", "cases"])  # fmt: skip
def test_promtool_accepts_the_rules(arguments: tuple[str, str, Path]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        reason = "No promtool on PATH (Debian's package prometheus)"
        if os.environ.get("PROCTORIUM_REQUIRE_PROMTOOL"):
            pytest.fail(f"{reason}, and PROCTORIUM_REQUIRE_PROMTOOL is set.")
        pytest.skip(reason)
    done = subprocess.run(
        [promtool, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    checks = [
        check
        for case in yaml.safe_load(CASES.read_text("utf-8"))["tests"]
        for check in case["alert_rule_test"]
    ]
    fired = {
        (check["alertname"], expected["exp_labels"]["severity"])
        for check in checks
        for expected in check["exp_alerts"]
    }
    assert fired == {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == set(NAMES)


@pytest.mark.parametrize("alert", NAMES)
def test_alert_has_a_runbook(alert: str) -> None:
    lines = runbook_of(alert).read_text("utf-8").splitlines()
    assert lines[0] == f"# {alert}"
    assert [line for line in lines if line.startswith("## ")] == SECTIONS
    severities = ", ".join(r["labels"]["severity"] for r in alerts() if r["alert"] == alert)
    listed = f"| [{alert}]({runbook_of(alert).name}) | {severities} |"
    assert listed in (RUNBOOKS / "README.md").read_text("utf-8")


def test_runbook_belongs_to_an_alert() -> None:
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert pages == {runbook_of(alert).name for alert in NAMES}


def commands() -> list[str]:
    """Return the commands of all runbooks, without the names of the pages."""
    blocks = [
        block
        for page in sorted(RUNBOOKS.glob("*.md"))
        for block in re.findall(
            r"^ *```\n(.*?)^ *```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
    ]
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_runbooks_search_the_logs_for_events_of_the_code() -> None:
    sources = [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/common/src/**/*.py")]
    code = "".join(path.read_text("utf-8") for path in sources)
    logged = set(re.findall(r"""(?:_log\.\w+|_warn)\(\s*"(\w+)\"""", code))
    logged |= {"service_not_ready"}  # chosen by a condition within the call
    patterns = [found for line in commands() for found in re.findall(r"grep -E '([a-z_|]+)'", line)]
    assert len(patterns) >= 5
    searched = {word for pattern in patterns for word in pattern.split("|")}
    unknown = {word for word in searched if not any(each.startswith(word) for each in logged)}
    assert not unknown


def test_runbooks_search_the_log_of_calls_in_its_format(capsys: pytest.CaptureFixture[str]) -> None:
    line = CallLine("assessment", "/x.S/JoinSession", "INTERNAL", 0.1, 1, "person:1", None, None)
    CallLog().write(line)
    written = capsys.readouterr().out
    patterns = [
        found for line in commands() for found in re.findall(r"grep -E '(\"code.*?)'", line)
    ]
    assert patterns
    assert all(re.search(pattern, written) for pattern in patterns)


def test_runbooks_read_the_logs_of_all_pods() -> None:
    reading = [line for line in commands() if re.search(r"kubectl .*\blogs\b", line)]
    # Of a Deployment, kubectl reads only one pod. With a selector, it reads only ten lines unless `--tail` is set.
    assert [line for line in reading if "logs deployment/" in line] == []
    selected = [line for line in reading if "--selector" in line]
    assert len(selected) >= 8
    assert all("--tail -1" in line for line in selected)


def test_rendered_alerts_link_to_their_runbooks(large: Rendered) -> None:
    groups = large.one("PrometheusRule", "proctorium")["spec"]["groups"]
    links = {
        rule["alert"]: rule["annotations"].pop("runbook_url")
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }
    base = "https://git.example.org/proctorium/docs/runbooks"
    assert links == {alert: f"{base}/{runbook_of(alert).name}" for alert in NAMES}
    assert groups == yaml.safe_load(RULES.read_text("utf-8"))["groups"], "nothing else is changed"


def test_monitor_keeps_the_labels_of_the_collector(large: Rendered) -> None:
    spec = large.one("ServiceMonitor", "proctorium")["spec"]
    assert [endpoint["honorLabels"] for endpoint in spec["endpoints"]] == [True]
    assert spec["namespaceSelector"] == {"matchNames": ["observability"]}
    for kind in ("PrometheusRule", "ServiceMonitor"):
        labels = large.one(kind, "proctorium")["metadata"]["labels"]
        assert labels["release"] == "prometheus", "Prometheus selects the object by this label"


def test_dashboards_are_separate_and_have_no_equal_panels(large: Rendered) -> None:
    maps = [
        item
        for item in large.of("ConfigMap")
        if item["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    models = {
        name.removesuffix(".json"): json.loads(text)
        for item in maps
        for name, text in item["data"].items()
    }
    assert sorted(models) == ["overview", "service", "session-day"]
    for name, model in models.items():
        assert model["uid"] == f"proctorium-{name}"
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in model["panels"]]
        titles = [panel["title"] for panel in model["panels"]]
        assert len(set(places)) == len(set(titles)) == len(model["panels"])


@pytest.mark.parametrize("name", ["small", "standard"])
def test_monitoring_is_off_by_default(name: str) -> None:
    rendered = Rendered((RENDERS / f"{name}.yaml").read_text("utf-8"))
    assert rendered.of("PrometheusRule", "ServiceMonitor") == []
