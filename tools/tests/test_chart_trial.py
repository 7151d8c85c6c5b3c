"""Tests of NATS in the trial parts of the charts, with a real server and the Job that declares the streams."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proctorium_common.events.permissions import DECLARER, configuration, users_of
from proctorium_common.topology import services
from proctorium_devstack.components.certificates import KeyPair, issue
from proctorium_devstack.components.nats import nats_binary
from proctorium_devstack.ports import LOOPBACK, free_ports
from tools.charts.checks import RENDERS
from tools.tests.chart_objects import Rendered, environment_of

FILES = {"tls.crt": "certificate", "tls.key": "key", "ca.crt": "authority"}


@dataclass(frozen=True)
class Trial:
    """A NATS server with the configuration of the chart, and the certificates of its clients."""

    url: str
    certificates: dict[str, KeyPair]


@pytest.fixture(scope="module")
def small() -> Rendered:
    return Rendered((RENDERS / "small.yaml").read_text("utf-8"))


@pytest.fixture
def nats(small: Rendered, tmp_path: Path) -> Iterator[Trial]:
    port, monitoring = free_ports(2)
    certificates = issue(tmp_path / "issued", ["nats", DECLARER, "enrollment"])
    folders = {name: tmp_path / name for name in ("certificates", "users", "data", "etc/nats")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    mount(certificates["nats"], folders["certificates"])
    (folders["users"] / "users.json").write_text(configuration(users_of(services())), "utf-8")
    text = small.one("ConfigMap", "nats")["data"]["nats.conf"]
    text = re.sub(r" /(certificates|data)", rf" {tmp_path}/\1", text)
    text = text.replace("0.0.0.0:4222", f"{LOOPBACK}:{port}").replace(":8222", f":{monitoring}")
    file = folders["etc/nats"] / "nats.conf"
    file.write_text(text, "utf-8")
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([nats_binary(), "--config", file], stderr=log)
        try:
            wait_for(tmp_path / "log", "Server is ready")
            yield Trial(f"nats://{LOOPBACK}:{port}", certificates)
        finally:
            server.terminate()
            server.wait()


def mount(pair: KeyPair, folder: Path) -> None:
    """Copy a certificate to `folder`, with the names of the files in a Secret of cert-manager."""
    for name, attribute in FILES.items():
        shutil.copy(getattr(pair, attribute), folder / name)


def wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in log.read_text("utf-8"):
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.05)


def declare(
    small: Rendered, nats: Trial, identity: str, tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """Run the container of the Job `streams` with the certificate of `identity`."""
    (container,) = small.one("Job", "streams")["spec"]["template"]["spec"]["containers"]
    folder = tmp_path / f"{identity}-mounted"
    folder.mkdir()
    mount(nats.certificates[identity], folder)
    given = {
        name: value.replace("/certificates", str(folder))
        for name, value in environment_of(container).items()
    }
    command = [sys.executable, *container["command"][1:]]
    return subprocess.run(
        command,
        env={**given, "PROCTORIUM_NATS_URL": nats.url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_job_declares_the_streams_on_the_server_of_the_trial(
    small: Rendered, nats: Trial, tmp_path: Path
) -> None:
    done = declare(small, nats, DECLARER, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "are declared" in done.stdout


def test_certificate_of_a_service_cannot_declare_streams(
    small: Rendered, nats: Trial, tmp_path: Path
) -> None:
    done = declare(small, nats, "enrollment", tmp_path)
    assert done.returncode == 1
    assert done.stderr
