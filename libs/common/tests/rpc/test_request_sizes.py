"""Test the cost of one request: the maximum size, and the processor time and memory for any request of this size."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from proctorium.enrollment.v1.people_pb2 import BatchGetNamesRequest
from proctorium.session.v1.sessions_pb2 import ScheduleSessionRequest, SessionPlan
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.sizes import FLOOR_BYTES, request_bytes, unbounded_fields
from proctorium_common.rpc.validation import RequestRules
from proctorium_devstack.testing.contracts import all_methods
from proctorium_devstack.testing.refusals import refusal

from . import floods
from .echo import pb, stubs
from .serving import serving

MIB = 1024 * 1024
# The fields whose size the protos do not limit, each with the reason.
_UNBOUNDED = {"SubmitEvidenceRequest.image"}  # limited by a setting of the service
_FLOOD_SECONDS = 240  # the processor time for more than 2,000 MB of requests


def test_every_request_field_is_bounded() -> None:
    found = {path for method in all_methods() for path in unbounded_fields(method.input_type)}
    assert found == _UNBOUNDED, (
        "Give each field a max_len, a uuid or max_items rule in its proto, so that the largest request is known."
    )


def test_most_methods_accept_only_small_requests() -> None:
    sizes = [request_bytes(method.input_type, 4 * MIB) for method in all_methods()]
    assert sum(size == FLOOR_BYTES for size in sizes) > 0.8 * len(sizes)
    assert all(
        request_bytes(method.input_type, 4 * MIB) <= MIB
        for method in all_methods()
        if not unbounded_fields(method.input_type)
    )


def test_largest_valid_request_fits_the_limit() -> None:
    longest = "\U0001f393"
    plan = SessionPlan(title=longest * 200, learner_ids=["0" * 36] * 1000)
    request = ScheduleSessionRequest(request_id="r" * 64, plan=plan)
    assert request.ByteSize() < request_bytes(request.DESCRIPTOR, 4 * MIB)


async def test_oversized_request_is_refused_before_parsing() -> None:
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        error = await refusal(stub.Small(pb.SmallRequest(text="x" * FLOOR_BYTES)))
        named = await refusal(stub.Small(pb.SmallRequest(text="x" * 1000)))
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "MESSAGE_TOO_LARGE")
    assert error.metadata == {"limit": str(FLOOR_BYTES)}
    assert [violation.field for violation in named.violations] == ["text"]


def test_request_with_too_many_items_is_refused_at_the_first_violation() -> None:
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(BatchGetNamesRequest(person_ids=[""] * 500_000))
    assert [violation.rule for violation in refused.value.violations] == ["repeated.max_items"]
    assert "The rest was not checked" in refused.value.message


def test_all_violations_of_a_large_import_are_counted() -> None:
    with pytest.raises(ServiceError) as refused:
        RequestRules().check(BatchGetNamesRequest(person_ids=["x"] * 400))
    assert len(refused.value.violations) == 20
    assert "380 more" in refused.value.message


def test_cost_of_any_large_request_is_bounded() -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (_FLOOD_SECONDS, _FLOOD_SECONDS))

    done = subprocess.run(
        [sys.executable, "-m", floods.__name__],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    outcome = json.loads(done.stdout)
    assert outcome["refused"] > 500
    assert outcome["accepted"] > 10  # for example, requests with unknown fields are valid
    assert outcome["grown"] < 200 * MIB
