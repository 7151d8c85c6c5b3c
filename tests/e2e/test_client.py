"""Test the Python client `proctorium.client` against a running stack, and the examples of its documentation."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from e2e.tokens import nearly_expired, sign_token
from proctorium.client import CallError, Client, pages
from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest, Tokens
from proctorium.session.v1.lobby_pb2 import PARTICIPANT_STATE_IN_SESSION, WatchSessionRequest
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_IN_PROGRESS,
    GetSessionRequest,
    ListSessionsRequest,
    ScheduleSessionRequest,
    StartSessionRequest,
)
from proctorium_devstack.demo import seed
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-python-client.md"
EXAMPLES = [part.partition("```")[0] for part in PAGE.read_text("utf-8").split("```python\n")[1:]]
DEMO_PASSWORDS = {each.email: each.password for each in (seed.ADMINISTRATOR, seed.PROCTOR)}


@pytest.fixture
async def client(scenario: Scenario) -> AsyncIterator[Client]:
    """Yield a client that is signed in as the proctor of the scenario."""
    async with Client(scenario.edge, plaintext=True) as opened:
        await opened.sign_in(scenario.proctor.email, scenario.proctor.password)
        yield opened


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(n) for n in range(1, len(EXAMPLES) + 1)])
async def test_documented_example_runs(stack: Stack, example: str) -> None:
    passwords = [password for email, password in DEMO_PASSWORDS.items() if email in example]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        example.replace("localhost:7080", stack.address("edge")),
        env={**os.environ, "PROCTORIUM_PASSWORD": "".join(passwords)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    assert output.strip()
    assert "False" not in output.decode()


async def test_client_lists_all_pages(client: Client, scenario: Scenario) -> None:
    listed = [
        [session.session_id for session in page.sessions]
        async for page in pages(client.sessions.ListSessions, ListSessionsRequest(page_size=1))
    ]
    assert [scenario.session_id] in listed


async def test_error_of_a_service_has_reason_and_violations(
    client: Client, scenario: Scenario
) -> None:
    with pytest.raises(CallError) as refused:
        await client.sessions.ScheduleSession(ScheduleSessionRequest())
    assert refused.value.code is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(CallError) as invalid:
        await client.sessions.GetSession(GetSessionRequest(session_id="none"))
    assert invalid.value.reason == "INVALID_REQUEST"
    assert [each.field for each in invalid.value.violations] == ["session_id"]


async def test_wrong_password_is_an_error_with_a_sentence(scenario: Scenario) -> None:
    async with Client(scenario.edge, plaintext=True) as client:
        with pytest.raises(CallError) as failed:
            await client.sign_in(scenario.proctor.email, "wrong")
    assert failed.value.reason == "SIGN_IN_FAILED"
    assert failed.value.message.endswith(".")


async def test_client_renews_tokens_that_are_about_to_expire(
    stack: Stack, client: Client, scenario: Scenario
) -> None:
    assert client.tokens is not None
    soon = Tokens()
    soon.CopyFrom(client.tokens)
    soon.access_token = await sign_token(
        stack, scenario.proctor.person_id, ["proctor"], nearly_expired()
    )
    soon.access_expire_time.GetCurrentTime()
    stored: list[Tokens | None] = []
    async with Client(scenario.edge, plaintext=True, tokens=soon, on_tokens=stored.append) as other:
        me = [other.accounts.GetMe(GetMeRequest()) for _ in range(5)]
        people = {answer.person.person_id for answer in await asyncio.gather(*me)}
    assert people == {scenario.proctor.person_id}
    assert len(stored) == 1


async def test_expired_token_is_renewed_although_the_clock_says_that_it_is_valid(
    stack: Stack, client: Client, scenario: Scenario
) -> None:
    assert client.tokens is not None
    client.tokens.access_token = await sign_token(
        stack, scenario.proctor.person_id, ["proctor"], nearly_expired() * 2
    )
    answer = await client.accounts.GetMe(GetMeRequest())
    assert answer.person.person_id == scenario.proctor.person_id


async def test_signed_out_client_cannot_continue_its_sign_in(
    client: Client, scenario: Scenario
) -> None:
    tokens = client.tokens
    assert tokens is not None
    await client.sign_out()
    tokens.access_expire_time.GetCurrentTime()
    async with Client(scenario.edge, plaintext=True, tokens=tokens) as again:
        with pytest.raises(CallError, match="REFRESH_TOKEN_INVALID"):
            await again.accounts.GetMe(GetMeRequest())


async def test_calls_succeed_while_a_service_restarts(
    stack: Stack, client: Client, scenario: Scenario
) -> None:
    await stack.kill("session")
    request = StartSessionRequest(session_id=scenario.session_id)
    started = await client.sessions.StartSession(request, timeout=60)
    assert started.session.state == SESSION_STATE_IN_PROGRESS


async def test_watch_continues_while_its_token_expires(stack: Stack, scenario: Scenario) -> None:
    learner = LearnerClient(scenario.learners[0], scenario)
    await learner.join()
    await learner.close()
    async with Client(scenario.edge, plaintext=True) as client:
        await client.sign_in(learner.learner.email, learner.learner.password)
        assert client.tokens is not None
        old = client.tokens.access_token = await sign_token(
            stack, learner.learner.person_id, ["learner"], nearly_expired()
        )
        views = client.watch(
            client.lobby.WatchSession, WatchSessionRequest(session_id=scenario.session_id)
        )
        await anext(views)

        async def in_session() -> None:
            async for view in views:
                if view.participant.state == PARTICIPANT_STATE_IN_SESSION:
                    return

        seen = asyncio.create_task(in_session())
        await until(lambda: _access_token(client) != old)
        await ProctorClient(scenario).start()
        await seen


def _access_token(client: Client) -> str:
    assert client.tokens is not None
    return client.tokens.access_token
