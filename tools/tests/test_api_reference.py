"""Tests of the API reference."""

from __future__ import annotations

import re

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from proctorium.options.v1 import options_pb2
from proctorium_common.topology import services
from tools.api_reference import FOLDER, ROOT, Reference, check
from tools.checks.contract import read_protos

PROTOS = read_protos()
PAGES = Reference(PROTOS, services()).pages()
METHODS = [
    (f"{proto.package}.{service.name}", method)
    for proto in PROTOS
    for service in proto.service
    for method in service.method
]


def section(page: str, heading: str) -> str:
    """Return the text below a heading of the third level."""
    found = re.search(rf"^### {heading}$(.*?)(?=^##|\Z)", PAGES[page], re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def anchors(page: str) -> set[str]:
    return {line.lstrip("# ").lower() for line in PAGES[page].splitlines() if line.startswith("#")}


def test_stored_pages_are_those_of_the_protos() -> None:
    assert list(check()) == []


def test_each_method_is_described_with_its_callers() -> None:
    for service, method in METHODS:
        text = section(f"{service.split('.')[1]}.md", method.name)
        assert "- May be called by " in text
        access = method.options.Extensions[options_pb2.access]
        people = access.public or access.signed_in or access.roles
        assert (f"`POST /{service}/{method.name}`" in text) == bool(people), method.name


def test_each_error_of_a_comment_is_in_a_table() -> None:
    comments = [
        place.leading_comments
        for proto in PROTOS
        for place in proto.source_code_info.location
        if place.path[:1] == [6]
    ]
    listed = sum(len(re.findall(r"^ - [A-Z_, ]+ \(", each, re.MULTILINE)) for each in comments)
    rows = sum(
        len(re.findall(r"^\| `[A-Z_, `]+ \| `[A-Z_]+` \|", page, re.MULTILINE))
        for page in PAGES.values()
    )
    assert listed > 200
    assert rows == listed


def test_event_has_its_subject_and_its_consumers() -> None:
    text = section("session.md", "SessionStarted")
    assert "`evt.session.session.started.v1.<session_id>`" in text
    handled = [
        each.consumer
        for service in services().values()
        for each in service.subscriptions
        if each.owner == "session" and "session.started" in each.events
    ]
    assert handled
    assert all(f"`{consumer}`" in text for consumer in handled)


def test_field_has_its_rules() -> None:
    text = section("session.md", "RaiseHand")
    assert "| `request_id` | string | optional, at most 64 characters |" in text
    assert "| `session_id` | string | required, UUID |" in text
    assert "| `kind` | [HandKind](#handkind) | required |" in text


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_to_headings_and_documents(page: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", PAGES[page])
    assert targets
    for target in targets:
        path, _, anchor = target.partition("#")
        if path and path not in PAGES:
            assert (ROOT / FOLDER / path).resolve().is_file(), target
        elif anchor:
            assert anchor in anchors(path or page), target


def test_changed_comment_makes_the_pages_outdated() -> None:
    changed = [FileDescriptorProto.FromString(proto.SerializeToString()) for proto in PROTOS]
    (hands,) = (proto for proto in changed if proto.name.endswith("session/v1/hands.proto"))
    for place in hands.source_code_info.location:
        place.leading_comments = place.leading_comments.replace("ask for a proctor", "call")
    assert Reference(changed, services()).pages() != PAGES
