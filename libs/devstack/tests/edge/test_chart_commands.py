"""Tests of the shell commands in the Helm chart of the edge, with a real Envoy."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import yaml

from .harness import Harness

RENDER = Path(__file__).parents[4] / "deploy" / "helm" / "renders" / "standard.yaml"
ADMIN_PORT = "9901"


def commands() -> tuple[list[str], list[str]]:
    """Return the commands of the readiness probe and of the preStop hook."""
    for item in yaml.safe_load_all(RENDER.read_text("utf-8")):
        if item and item["kind"] == "Deployment" and item["metadata"]["name"] == "edge":
            (envoy,) = item["spec"]["template"]["spec"]["containers"]
            probe: Any = envoy["readinessProbe"]["exec"]["command"]
            hook: Any = envoy["lifecycle"]["preStop"]["exec"]["command"]
            return probe, hook
    raise AssertionError("the render has no edge")


async def run(command: list[str], harness: Harness) -> int:
    """Run a command of the chart with the admin port of the harness, and without its final sleep."""
    admin = str(harness.settings.admin.port)
    adapted = [
        re.sub(r"sleep \d+$", "sleep 0", part.replace(ADMIN_PORT, admin)) for part in command
    ]
    process = await asyncio.create_subprocess_exec(*adapted)
    return await process.wait()


async def connection_header(harness: Harness) -> str | None:
    return (await harness.http.get("/")).headers.get("connection")


async def test_readiness_probe_succeeds_although_a_service_is_unavailable(harness: Harness) -> None:
    assert (await harness.http.get("/healthz")).status_code == 503
    probe, _ = commands()
    assert await run(probe, harness) == 0


async def test_readiness_probe_fails_without_envoy(harness: Harness) -> None:
    probe, _ = commands()
    unused = [part.replace(ADMIN_PORT, "1") for part in probe]
    assert await run(unused, harness) != 0


async def test_pod_that_ends_tells_clients_to_open_new_connections(harness: Harness) -> None:
    assert await connection_header(harness) is None
    _, hook = commands()
    assert await run(hook, harness) == 0
    async with asyncio.timeout(10):
        while await connection_header(harness) != "close":
            await asyncio.sleep(0.1)
    # Calls still succeed until SIGTERM.
    assert (await harness.http.get("/")).status_code == 200
