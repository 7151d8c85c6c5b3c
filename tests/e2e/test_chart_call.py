"""Tests of the call of `helm test`, through the edge of a running stack."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import yaml

from proctorium_devstack.stack import Stack

RENDER = Path(__file__).parents[2] / "deploy" / "helm" / "renders" / "small.yaml"


async def test_call_of_the_charts_test_pod_succeeds(stack: Stack) -> None:
    pods = [item for item in yaml.safe_load_all(RENDER.read_text("utf-8")) if item]
    (pod,) = (
        item for item in pods if (item["kind"], item["metadata"]["name"]) == ("Pod", "edge-test")
    )
    (container,) = pod["spec"]["containers"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *container["command"][1:],
        env={"EDGE": stack.url("edge")},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"organisation" in out
