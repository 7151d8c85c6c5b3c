"""Tests that the topology is read from the code and the protos, and that contradictions are found."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from proctorium.options.v1 import options_pb2
from proctorium_common.topology import ServiceTopology, Subscription, parse, services
from tools import topology
from tools.checks.contract import Contract, contract_of, read_contract
from tools.checks.sources import Source
from tools.topology import ServiceCode, as_json, diagram_of, generate, with_diagram

STARTED = "proctorium.session.events.v1.SessionStarted"
CONTRACT = Contract(
    events={
        STARTED: ("session", "session.started"),
        "proctorium.session.events.v1.SessionEnded": ("session", "session.ended"),
        "proctorium.enrollment.events.v1.CodeIssued": ("enrollment", "code.issued"),
    },
    allowed={"enrollment": frozenset({"session"})},
    reasons={},
)
SESSION_CODE = """
from proctorium.session.events.v1.events_pb2 import SessionEnded
from proctorium.session.events.v1 import events_pb2 as events

def build(service):
    Codes(service.channel("enrollment"))

def start(transaction):
    transaction.record(events.SessionStarted(session_id="1"))
    ended = SessionEnded(session_id="1")
    transaction.record(ended)
"""
ENROLLMENT_CODE = """
from proctorium.enrollment.events.v1.events_pb2 import CodeIssued
from proctorium.session.events.v1.events_pb2 import SessionStarted

def build(service):
    service.subscribe("enrollment--sessions", {SessionStarted: on_started})
    CodeIssued()
"""
SERVICES = {
    "session": ServiceTopology(
        name="session",
        folder="session-orchestration",
        package="proctorium_session",
        calls=("enrollment",),
        publishes=("session.started", "session.ended"),
    ),
    "enrollment": ServiceTopology(
        name="enrollment",
        folder="enrollment",
        package="proctorium_enrollment",
        publishes=("code.issued",),
        subscriptions=(Subscription("enrollment--sessions", "session", ("session.started",)),),
    ),
}


def codes(session: str = SESSION_CODE, enrollment: str = ENROLLMENT_CODE) -> list[ServiceCode]:
    return [
        ServiceCode("session-orchestration", "proctorium_session", [Source("s.py", session)]),
        ServiceCode("enrollment", "proctorium_enrollment", [Source("e.py", enrollment)]),
    ]


def findings(session: str = SESSION_CODE, enrollment: str = ENROLLMENT_CODE) -> str:
    return "\n".join(generate(codes(session, enrollment), CONTRACT).findings)


def test_calls_events_and_subscriptions_are_read_from_the_code() -> None:
    generated = generate(codes(), CONTRACT)
    assert generated.findings == []
    assert generated.services == SERVICES


def test_file_contains_the_whole_topology() -> None:
    assert parse(as_json(SERVICES)) == SERVICES


def test_packaged_topology_is_up_to_date() -> None:
    assert services() == generate(topology.read_services(), read_contract()).services


def test_call_that_no_access_option_allows_is_found() -> None:
    found = findings(enrollment=ENROLLMENT_CODE + '\nx = service.channel("session")\n')
    assert found == 'enrollment calls session, and no access option of session names "enrollment".'


def test_access_option_for_a_service_that_does_not_call_is_found() -> None:
    found = findings(session=SESSION_CODE.replace('Codes(service.channel("enrollment"))', "pass"))
    assert 'An access option of enrollment names "session", which does not call' in found


def test_channel_to_a_computed_name_is_found() -> None:
    found = findings(session=SESSION_CODE.replace('"enrollment"', "name"))
    assert found.startswith("s.py:6: write the name of the called service")


def test_event_without_a_publisher_is_found() -> None:
    found = findings(session=SESSION_CODE.replace("events.SessionStarted", "print"))
    assert found.startswith(f"protos: {STARTED} is an event, and no service makes it.")


def test_publishing_another_services_event_is_found() -> None:
    found = findings(enrollment=ENROLLMENT_CODE + "\nSessionStarted()\n")
    assert found == f"e.py:9: only session may make {STARTED}: call session instead."


def test_handlers_that_are_not_literals_in_the_call_are_found() -> None:
    code = ENROLLMENT_CODE.replace("{SessionStarted: on_started}", "handlers")
    assert findings(enrollment=code).startswith("e.py:6: write the handlers of enrollment--")


def test_consumer_of_two_services_events_is_found() -> None:
    code = ENROLLMENT_CODE.replace("on_started}", "on_started, CodeIssued: on_issued}")
    assert "enrollment--sessions needs events of one owner" in findings(enrollment=code)


def test_consumer_without_its_services_name_is_found() -> None:
    found = findings(enrollment=ENROLLMENT_CODE.replace("enrollment--sessions", "sessions"))
    assert found == "e.py:6: name the consumer by a text enrollment--<purpose>."


def test_diagram_shows_calls_and_events() -> None:
    diagram = diagram_of(SERVICES)
    assert "session -- calls --> enrollment" in diagram
    assert "session -. session .-> enrollment" in diagram


def test_diagram_replaces_the_one_in_the_readme() -> None:
    before = "# Readme\n```mermaid\nflowchart LR\n  old\n```\nMore.\n"
    assert with_diagram(before, SERVICES) == f"# Readme\n{diagram_of(SERVICES)}\nMore.\n"


def test_events_access_and_reasons_are_read_from_the_options_of_the_protos() -> None:
    message = DescriptorProto(name="SessionStarted")
    message.options.Extensions[options_pb2.event].aggregate = "session"
    message.options.Extensions[options_pb2.event].action = "started"
    proto = FileDescriptorProto(package="proctorium.session.events.v1", message_type=[message])
    service = proto.service.add(name="S")
    method = service.method.add(name="M")
    method.options.Extensions[options_pb2.access].services.append("portal")
    reason = proto.enum_type.add(name="Reason")
    reason.value.add(name="REASON_UNSPECIFIED", number=0)
    reason.value.add(name="REASON_SESSION_FULL", number=1)
    contract = contract_of([proto])
    assert contract.events == {STARTED: ("session", "session.started")}
    assert contract.allowed == {"session": frozenset({"portal"})}
    assert contract.reasons == {"session": frozenset({"SESSION_FULL"})}
