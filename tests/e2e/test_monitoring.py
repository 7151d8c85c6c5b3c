"""Test that a running stack exports every series that alerts, dashboards, scalers and the documentation name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
import yaml

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import create_scenario
from e2e.series import ROOT, Exported, problems, queries, read_exported, read_query
from proctorium_common.topology import services
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack

_SUFFIXES = re.compile(r"(_seconds)?(_bucket|_sum|_count)?$")
_DOCUMENTED = re.compile(r"^\| `([a-z_.]+)` \| (?:histogram|gauge) \|", re.MULTILINE)
_COMPLETE_SECONDS = 60.0


@pytest.fixture(scope="module")
async def exported(stack: Stack) -> AsyncIterator[Exported]:
    """Run a session and yield the exported series, after waiting for every series that a query names."""
    scenario = await create_scenario(stack.address("edge"))
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await learner.be_in_session()
    await proctor.authorize(learner)
    await learner.answer_all(await learner.start())
    await learner.submit()
    await proctor.end()
    await learner.wait_for_result()
    newest: Exported = {}
    async with httpx2.AsyncClient(base_url=stack.url("traces")) as client:

        async def complete() -> Exported | None:
            nonlocal newest
            newest = read_exported((await client.get("/metrics")).text)
            return None if any(list(problems(each, newest)) for each in queries()) else newest

        with suppress(TimeoutError):  # the tests name the missing series
            await eventually(complete, "the series", _COMPLETE_SECONDS)
    yield newest
    await proctor.close()
    await learner.close()
    await scenario.close()


def test_series_of_alerts_and_dashboards_are_exported(exported: Exported) -> None:
    assert [found for query in queries() for found in problems(query, exported)] == []


def test_documented_metrics_are_the_exported_ones(exported: Exported) -> None:
    text = (ROOT / "docs" / "operations" / "monitoring.md").read_text("utf-8")
    documented = {name.replace(".", "_") for name in _DOCUMENTED.findall(text)}
    assert {_family(name) for name in exported} == documented


def _family(name: str) -> str:
    """Return the name of a metric without the suffixes that Prometheus adds."""
    return name if name.startswith("db_") else _SUFFIXES.sub("", name)


def test_every_service_exports_metrics_of_its_own_name(exported: Exported) -> None:
    jobs = {labels["job"] for labels in exported["proctorium_check_ok"]}
    assert jobs == services().keys() - {"portal"}
    assert all(labels["instance"] for labels in exported["proctorium_check_ok"])


def test_scalers_name_consumers_about_which_the_broker_responds(exported: Exported) -> None:
    renders = (ROOT / "deploy" / "helm" / "renders" / "large.yaml").read_text("utf-8")
    scaled = {
        trigger["metadata"]["consumer"]
        for item in yaml.safe_load_all(renders)
        if item and item["kind"] == "ScaledObject"
        for trigger in item["spec"]["triggers"]
        if trigger["type"] == "nats-jetstream"
    }
    assert scaled
    assert scaled <= {labels["consumer"] for labels in exported["consumer_pending"]}


def test_labels_have_few_values_and_no_ids(exported: Exported) -> None:
    for name, series in exported.items():
        for labels in series:
            for label, value in labels.items():
                assert label == "instance" or not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", value), name


def test_query_that_names_an_unknown_series_or_label_is_found() -> None:
    exported: Exported = {"calls": [{"job": "a", "le": "1"}]}
    assert list(problems(read_query("x", "sum by (job) (rate(calls[5m]))"), exported)) == []
    assert list(problems(read_query("x", "rate(call[5m])"), exported)) == ["x: call"]
    assert list(problems(read_query("x", 'calls{code="OK"} > 1'), exported)) == [
        "x: calls has no label ['code']"
    ]
    assert list(problems(read_query("x", "max by (code) (calls{})"), exported)) == [
        "x: no series has the label ['code']"
    ]
    with pytest.raises(ValueError, match=r"write \['calls'\] with a selector"):
        read_query("x", "max(calls)")
