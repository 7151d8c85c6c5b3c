"""The check of the topology finds what it is there to find."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from proctorium.options.v1 import options_pb2
from proctorium_common.topology import ServiceTopology, Subscription
from tools.checks.contract import Contract, contract_of
from tools.checks.sources import Source
from tools.checks.topology import check_doings, check_table, doings_of

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
SESSION = ServiceTopology(
    name="session",
    folder="session-orchestration",
    package="proctorium_session",
    owns="sessions",
    asks=("enrollment",),
    publishes=("session.started", "session.ended"),
)
ENROLLMENT = ServiceTopology(
    name="enrollment",
    folder="enrollment",
    package="proctorium_enrollment",
    owns="codes",
    publishes=("code.issued",),
    subscriptions=(Subscription("enrollment--sessions", "session", ("session.started",)),),
)
SERVICES = {"session": SESSION, "enrollment": ENROLLMENT}

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


def findings(service: ServiceTopology, code: str) -> list[str]:
    return list(check_doings(service, doings_of([Source("a.py", code)], CONTRACT), CONTRACT))


def test_code_that_does_what_the_table_says_passes() -> None:
    assert findings(SESSION, SESSION_CODE) == []
    assert findings(ENROLLMENT, ENROLLMENT_CODE) == []
    assert list(check_table(SERVICES, CONTRACT)) == []


def test_a_channel_that_the_table_does_not_know_is_named_with_its_place() -> None:
    [found] = findings(SESSION, SESSION_CODE + '\nx = service.channel("identity")\n')
    assert found.startswith('a.py:13: session asks "identity" here')


def test_a_channel_that_nobody_opens_is_named() -> None:
    [found] = findings(SESSION, SESSION_CODE.replace('"enrollment"', "name"))
    assert (
        'session asks "enrollment", and nothing in services/session-orchestration/src does' in found
    )


def test_an_event_that_nobody_makes_is_named() -> None:
    [found] = findings(SESSION, SESSION_CODE.replace("events.SessionStarted", "print"))
    assert 'publishes "session.started"' in found


def test_making_another_services_event_is_refused() -> None:
    [found] = findings(ENROLLMENT, ENROLLMENT_CODE + "\nSessionStarted()\n")
    assert f"enrollment makes {STARTED}, which only its owner may" in found


def test_a_handler_for_an_event_that_the_consumer_does_not_get_is_named() -> None:
    code = ENROLLMENT_CODE.replace("{SessionStarted: on_started}", "{CodeIssued: on_started}")
    assert [found.split(": ", 1)[1] for found in findings(ENROLLMENT, code)] == [
        "enrollment--sessions handles proctorium.enrollment.events.v1.CodeIssued, which the table does not send it: add it to libs/common/src/proctorium_common/topology.py.",
        f"the table sends {STARTED} to enrollment--sessions, and no handler takes it.",
    ]


def test_handlers_that_cannot_be_read_are_refused() -> None:
    [found] = findings(
        ENROLLMENT, ENROLLMENT_CODE.replace("{SessionStarted: on_started}", "handlers")
    )
    assert "write the handlers of enrollment--sessions as a dict" in found


def test_a_consumer_that_is_not_in_the_table_is_named() -> None:
    code = ENROLLMENT_CODE.replace("enrollment--sessions", "enrollment--other")
    assert [found.split(" ", 1)[0] for found in findings(ENROLLMENT, code)] == [
        "a.py:6:",
        "libs/common/src/proctorium_common/topology.py:",
    ]


def test_a_table_that_disagrees_with_the_protos_is_named_from_both_sides() -> None:
    events = {
        **CONTRACT.events,
        "proctorium.session.events.v1.Paused": ("session", "session.paused"),
    }
    del events["proctorium.enrollment.events.v1.CodeIssued"]
    contract = Contract(events=events, allowed={"enrollment": frozenset({"portal"})}, reasons={})
    found = "\n".join(check_table(SERVICES, contract))
    assert 'add "session.paused" to what session publishes' in found
    assert 'enrollment publishes "code.issued", and no message' in found
    assert "session asks enrollment, and no method of enrollment lets it in" in found
    assert 'lets in "portal", which is no service' in found


def test_listening_to_what_nobody_publishes_is_named() -> None:
    deaf = ServiceTopology(
        name="enrollment",
        folder="enrollment",
        package="proctorium_enrollment",
        owns="codes",
        publishes=("code.issued",),
        subscriptions=(Subscription("sessions", "session", ("session.dreamt",)),),
    )
    found = "\n".join(check_table({**SERVICES, "enrollment": deaf}, CONTRACT))
    assert 'listens to "session.dreamt", which session does not publish' in found
    assert "must begin with enrollment--" in found


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
