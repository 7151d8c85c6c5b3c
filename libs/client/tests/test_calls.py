"""Tests of calls: errors, retries, request IDs, tokens, pages and watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from proctorium.client import CallError, Client, FieldViolation, pages
from proctorium.client.connection import open_channel
from proctorium.enrollment.v1.accounts_pb2 import (
    GetMeRequest,
    RefreshTokenRequest,
    RefreshTokenResponse,
    SetPasswordRequest,
    SignInResponse,
    SignOutResponse,
    Tokens,
)
from proctorium.session.v1.sessions_pb2 import (
    ListSessionsRequest,
    ListSessionsResponse,
    Session,
    StartSessionRequest,
    StartSessionResponse,
)
from proctorium.session.v1.supervision_pb2 import WatchRosterRequest, WatchRosterResponse
from proctorium_common.errors import (
    ServiceError,
    Violation,
    exhausted,
    invalid,
    not_allowed,
    timed_out,
    unauthenticated,
    unavailable,
)
from proctorium_devstack.components.certificates import issue
from proctorium_devstack.testing.contracts import all_methods

from .fake_edge import FakeEdge, Handle, Received, running_edge, tokens

EXPIRED = unauthenticated("TOKEN_EXPIRED", "Your sign-in is no longer valid.")
DOWN = unavailable("DEPENDENCY_UNAVAILABLE", "A part of the system is unavailable.")


def client_of(edge: FakeEdge, signed_in: Tokens | None = None) -> Client:
    return Client(edge.address, plaintext=True, tokens=signed_in or tokens("first"))


def failing(error: ServiceError, times: int, then: object) -> Handle:
    """Return a handler that fails `times` times with `error`, and then returns `then`."""
    left = iter(range(times))

    async def handle(_: object, call: Received) -> object:
        if next(left, None) is not None:
            raise error
        return then

    return handle


async def test_client_has_a_stub_for_each_service_of_the_contract(edge: FakeEdge) -> None:
    async with client_of(edge) as client:
        stubs = {type(value).__name__ for value in vars(client).values()}
    assert {f"{method.containing_service.name}Stub" for method in all_methods()} <= stubs


async def test_error_has_code_reason_message_and_details(edge: FakeEdge) -> None:
    violation = Violation("plan.capacity", "int32.gte", "The capacity must be at least 1.")
    edge.handlers["StartSession"] = failing(
        invalid("INVALID_REQUEST", "The plan is invalid.", violations=[violation], plan="x"), 1, 0
    )
    async with client_of(edge) as client:
        with pytest.raises(CallError, match=r"^INVALID_REQUEST: The plan is invalid\.$") as failed:
            await client.sessions.StartSession(StartSessionRequest())
    error = failed.value
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert (error.message, error.metadata) == ("The plan is invalid.", {"plan": "x"})
    assert error.violations == (
        FieldViolation("plan.capacity", "int32.gte", "The capacity must be at least 1."),
    )


async def test_error_names_the_delay_before_a_repetition(edge: FakeEdge) -> None:
    delay = timedelta(seconds=7)
    edge.handlers["SignIn"] = failing(
        exhausted("TOO_MANY_FAILED_SIGN_INS", "Wait.", retry_after=delay), 1, SignInResponse()
    )
    async with client_of(edge) as client:
        with pytest.raises(CallError) as failed:
            await client.sign_in("lena@example.org", "wrong")
    assert failed.value.retry_after == delay


async def test_error_without_details_has_the_name_of_its_code() -> None:
    async with Client("localhost:1", plaintext=True) as client:
        with pytest.raises(CallError) as failed:
            await client.accounts.SetPassword(SetPasswordRequest())
    assert failed.value.reason == failed.value.code.name == "UNAVAILABLE"


async def test_retries_send_the_same_request_id(edge: FakeEdge) -> None:
    edge.handlers["StartSession"] = failing(DOWN, 2, StartSessionResponse())
    request = StartSessionRequest(session_id="any")
    async with client_of(edge) as client:
        await client.sessions.StartSession(request)
    ids = [each.request_id for each in edge.requests("StartSession")]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ids[0]
    assert not request.request_id


async def test_retries_end_at_the_timeout_and_wait_as_long_as_the_service_asks(
    edge: FakeEdge,
) -> None:
    later = unavailable("DEPENDENCY_UNAVAILABLE", "Wait.", retry_after=timedelta(hours=1))
    edge.handlers["StartSession"] = failing(later, 9, 0)
    async with client_of(edge) as client:
        with pytest.raises(CallError, match="DEPENDENCY_UNAVAILABLE"):
            await client.sessions.StartSession(StartSessionRequest(), timeout=60)
    assert len(edge.requests("StartSession")) == 1


async def test_request_id_of_the_caller_is_sent(edge: FakeEdge) -> None:
    edge.handlers["StartSession"] = failing(DOWN, 0, StartSessionResponse())
    async with client_of(edge) as client:
        await client.sessions.StartSession(StartSessionRequest(request_id="mine"))
    assert [each.request_id for each in edge.requests("StartSession")] == ["mine"]


async def test_methods_with_side_effects_and_without_request_id_are_not_retried(
    edge: FakeEdge,
) -> None:
    edge.handlers["SetPassword"] = failing(DOWN, 1, 0)
    async with client_of(edge) as client:
        with pytest.raises(CallError, match="DEPENDENCY_UNAVAILABLE"):
            await client.accounts.SetPassword(SetPasswordRequest())
    assert len(edge.requests("SetPassword")) == 1


async def test_other_errors_are_not_retried(edge: FakeEdge) -> None:
    edge.handlers["StartSession"] = failing(not_allowed("ROLE_REQUIRED", "No."), 1, 0)
    async with client_of(edge) as client:
        with pytest.raises(CallError, match="ROLE_REQUIRED"):
            await client.sessions.StartSession(StartSessionRequest())
    assert len(edge.requests("StartSession")) == 1


async def test_concurrent_calls_renew_the_tokens_once(edge: FakeEdge) -> None:
    changes: list[Tokens | None] = []
    old = tokens("old", left=timedelta(seconds=30))
    async with Client(edge.address, plaintext=True, tokens=old, on_tokens=changes.append) as client:
        answers = await asyncio.gather(*(client.accounts.GetMe(GetMeRequest()) for _ in range(20)))
    assert {answer.person.legal_name for answer in answers} == {"renewed-old"}
    assert len(edge.requests("RefreshToken")) == 1
    assert [each.access_token for each in changes if each is not None] == ["renewed-old"]


async def test_call_is_repeated_with_new_tokens_if_the_service_calls_the_token_expired(
    edge: FakeEdge,
) -> None:
    edge.handlers["StartSession"] = failing(EXPIRED, 1, StartSessionResponse())
    async with client_of(edge) as client:
        await client.sessions.StartSession(StartSessionRequest())
    calls = [each for each in edge.received if each.method == "StartSession"]
    assert [each.token for each in calls] == ["first", "renewed-first"]
    assert calls[0].request == calls[1].request


async def test_call_whose_new_token_is_refused_fails(edge: FakeEdge) -> None:
    edge.handlers["StartSession"] = failing(EXPIRED, 9, 0)
    async with client_of(edge) as client:
        with pytest.raises(CallError, match="TOKEN_EXPIRED"):
            await client.sessions.StartSession(StartSessionRequest())
    assert len(edge.requests("StartSession")) == 2


async def test_valid_token_is_used_while_tokens_cannot_be_renewed(edge: FakeEdge) -> None:
    edge.handlers["RefreshToken"] = failing(not_allowed("CROSS_SITE_REQUEST", "No."), 1, 0)
    async with client_of(edge, tokens("old", left=timedelta(seconds=30))) as client:
        answer = await client.accounts.GetMe(GetMeRequest())
    assert answer.person.legal_name == "old"


async def test_call_fails_if_the_sign_in_has_ended(edge: FakeEdge) -> None:
    ended = unauthenticated("REFRESH_TOKEN_INVALID", "Please sign in again.")
    edge.handlers["RefreshToken"] = failing(ended, 1, 0)
    async with client_of(edge, tokens("old", left=timedelta(seconds=30))) as client:
        with pytest.raises(CallError, match="REFRESH_TOKEN_INVALID"):
            await client.accounts.GetMe(GetMeRequest())
    assert not edge.requests("GetMe")


async def test_sign_in_and_sign_out_change_the_tokens(edge: FakeEdge) -> None:
    edge.handlers["SignIn"] = failing(DOWN, 0, SignInResponse(tokens=tokens("new")))
    edge.handlers["SignOut"] = failing(DOWN, 1, SignOutResponse())
    async with Client(edge.address, plaintext=True) as client:
        assert (await client.accounts.GetMe(GetMeRequest())).person.legal_name == ""
        await client.sign_in("lena@example.org", "right")
        assert (await client.accounts.GetMe(GetMeRequest())).person.legal_name == "new"
        await client.sign_out()
        assert client.tokens is None
        await client.sign_out()
    assert [each.refresh_token for each in edge.requests("SignOut")] == ["new", "new"]


class SlowRenewal:
    """A handler of RefreshToken that waits until `go` is set."""

    def __init__(self, edge: FakeEdge) -> None:
        self.started, self.go = asyncio.Event(), asyncio.Event()
        edge.handlers["RefreshToken"] = self._handle

    async def _handle(self, request: RefreshTokenRequest, _: object) -> RefreshTokenResponse:
        self.started.set()
        await self.go.wait()
        return RefreshTokenResponse(tokens=tokens(f"renewed-{request.refresh_token}"))


EXPIRING = timedelta(seconds=30)


async def name_of(client: Client) -> str:
    return (await client.accounts.GetMe(GetMeRequest())).person.legal_name


async def test_sign_in_during_a_renewal_stays(edge: FakeEdge) -> None:
    renewal = SlowRenewal(edge)
    edge.handlers["SignIn"] = failing(DOWN, 0, SignInResponse(tokens=tokens("other")))
    async with client_of(edge, tokens("old", left=-EXPIRING)) as client:
        waiting = asyncio.create_task(name_of(client))
        await renewal.started.wait()
        await client.sign_in("other@example.org", "right")
        renewal.go.set()
        assert await waiting == "other"
        assert client.tokens is not None
        assert client.tokens.access_token == "other"


async def test_sign_out_during_a_renewal_stays(edge: FakeEdge) -> None:
    renewal = SlowRenewal(edge)
    edge.handlers["SignOut"] = failing(DOWN, 0, SignOutResponse())
    changes: list[Tokens | None] = []
    old = tokens("old", left=-EXPIRING)
    async with Client(edge.address, plaintext=True, tokens=old, on_tokens=changes.append) as client:
        waiting = asyncio.create_task(name_of(client))
        await renewal.started.wait()
        await client.sign_out()
        renewal.go.set()
        await waiting
        assert client.tokens is None
    assert changes == [None]


async def test_cancelled_call_does_not_lose_the_new_tokens(edge: FakeEdge) -> None:
    renewal = SlowRenewal(edge)
    async with client_of(edge, tokens("old", left=-EXPIRING)) as client:
        cancelled = asyncio.create_task(name_of(client))
        await renewal.started.wait()
        cancelled.cancel()
        await asyncio.wait([cancelled])
        renewal.go.set()
        answer = await client.accounts.GetMe(GetMeRequest())
    assert answer.person.legal_name == "renewed-old"
    assert len(edge.requests("RefreshToken")) == 1


async def test_calls_with_a_valid_token_do_not_wait_for_a_slow_renewal(
    edge: FakeEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proctorium.client.tokens._EARLY_WAIT_SECONDS", 0.01)
    renewal = SlowRenewal(edge)
    async with client_of(edge, tokens("old", left=EXPIRING)) as client:
        answers = await asyncio.gather(*(client.accounts.GetMe(GetMeRequest()) for _ in range(20)))
        renewal.go.set()
    assert {answer.person.legal_name for answer in answers} == {"old"}
    assert len(edge.requests("RefreshToken")) == 1


async def test_close_waits_for_the_new_tokens(
    edge: FakeEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proctorium.client.tokens._EARLY_WAIT_SECONDS", 0.0)
    renewal = SlowRenewal(edge)
    client = client_of(edge, tokens("old", left=EXPIRING))
    assert await name_of(client) == "old"
    await renewal.started.wait()
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    renewal.go.set()
    await closing
    assert client.tokens is not None
    assert client.tokens.access_token == "renewed-old"


async def test_timeout_of_a_call_includes_the_renewal(edge: FakeEdge) -> None:
    renewal = SlowRenewal(edge)
    async with client_of(edge, tokens("old", left=-EXPIRING)) as client:
        with pytest.raises(CallError, match=r"The call took too long\.") as failed:
            await client.accounts.GetMe(GetMeRequest(), timeout=0.1)
        renewal.go.set()
    assert failed.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_fast_clock_does_not_renew_the_tokens_for_each_call(edge: FakeEdge) -> None:
    renewed = RefreshTokenResponse(tokens=tokens("renewed", left=-EXPIRING))
    edge.handlers["RefreshToken"] = failing(DOWN, 0, renewed)
    async with client_of(edge, tokens("old", left=-EXPIRING)) as client:
        for _ in range(3):
            answer = await client.accounts.GetMe(GetMeRequest())
            assert answer.person.legal_name == "renewed"
    assert len(edge.requests("RefreshToken")) == 1


async def test_pages_follow_the_page_tokens(edge: FakeEdge) -> None:
    async def list_sessions(request: ListSessionsRequest, _: Received) -> ListSessionsResponse:
        following = {"": "second", "second": "third"}.get(request.page_token, "")
        session = Session(session_id=request.page_token or "first")
        return ListSessionsResponse(sessions=[session], next_page_token=following)

    edge.handlers["ListSessions"] = list_sessions
    request = ListSessionsRequest(live_only=True)
    async with client_of(edge) as client:
        found = [
            session.session_id
            async for page in pages(client.sessions.ListSessions, request)
            for session in page.sessions
        ]
    assert found == ["first", "second", "third"]
    assert all(each.live_only for each in edge.requests("ListSessions"))
    assert request == ListSessionsRequest(live_only=True)


def watch_that_fails(error: Callable[[], ServiceError]) -> Callable[..., AsyncIterator[object]]:
    """Return a watch that sends one message and fails, and continues when it is opened with the cursor."""

    async def watch(request: WatchRosterRequest) -> AsyncIterator[WatchRosterResponse]:
        if not request.cursor:
            yield WatchRosterResponse(cursor="one")
            raise error()
        yield WatchRosterResponse(cursor=f"after {request.cursor}")

    return watch


async def watched(client: Client) -> list[str]:
    request = WatchRosterRequest(session_id="any")
    return [view.cursor async for view in client.watch(client.supervision.WatchRoster, request)]


async def test_watch_continues_at_its_cursor_after_an_outage(edge: FakeEdge) -> None:
    edge.watches["WatchRoster"] = watch_that_fails(lambda: DOWN)
    async with client_of(edge) as client:
        assert await watched(client) == ["one", "after one"]


async def test_watch_continues_with_new_tokens_after_its_token_expired(edge: FakeEdge) -> None:
    edge.watches["WatchRoster"] = watch_that_fails(lambda: EXPIRED)
    async with client_of(edge) as client:
        assert await watched(client) == ["one", "after one"]
    calls = [each.token for each in edge.received if each.method == "WatchRoster"]
    assert calls == ["first", "renewed-first"]


async def test_watch_continues_after_a_renewal_that_took_too_long(edge: FakeEdge) -> None:
    edge.watches["WatchRoster"] = watch_that_fails(lambda: EXPIRED)
    slow = timed_out("DEADLINE_EXCEEDED", "The request took too long.")
    renewed = RefreshTokenResponse(tokens=tokens("renewed"))
    edge.handlers["RefreshToken"] = failing(slow, 1, renewed)
    async with client_of(edge) as client:
        assert await watched(client) == ["one", "after one"]


async def test_watch_raises_other_errors(edge: FakeEdge) -> None:
    edge.watches["WatchRoster"] = watch_that_fails(
        lambda: exhausted("TOO_MANY_STREAMS", "Another stream was opened.")
    )
    async with client_of(edge) as client:
        with pytest.raises(CallError, match="TOO_MANY_STREAMS"):
            await watched(client)


@pytest.mark.parametrize("address", ["exams.example.org:80", "192.0.2.7:7080", "localhost.evil:1"])
async def test_connection_in_plaintext_to_another_machine_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must use TLS"):
        open_channel(address, plaintext=True)


@pytest.mark.parametrize("address", ["localhost:7080", "127.0.0.1:7080", "[::1]:7080"])
async def test_connection_in_plaintext_to_this_machine_is_opened(address: str) -> None:
    await open_channel(address, plaintext=True).close()


async def test_silent_watch_is_opened_again_at_its_cursor(
    edge: FakeEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proctorium.client.client.SILENCE_SECONDS", 0.1)

    async def watch(request: WatchRosterRequest) -> AsyncIterator[WatchRosterResponse]:
        yield WatchRosterResponse(cursor=f"after {request.cursor}")
        if not request.cursor:
            await asyncio.Event().wait()

    edge.watches["WatchRoster"] = watch
    async with client_of(edge) as client:
        assert await watched(client) == ["after ", "after after "]


async def test_connection_with_tls_trusts_only_the_given_authority(tmp_path: Path) -> None:
    pair = issue(tmp_path, ["edge"])["edge"]
    key_and_certificate = (pair.key.read_bytes(), pair.certificate.read_bytes())
    async with running_edge(grpc.ssl_server_credentials([key_and_certificate])) as edge:
        authority = pair.authority.read_bytes()
        async with Client(edge.address, root_certificates=authority) as client:
            await client.accounts.GetMe(GetMeRequest())
        async with Client(edge.address) as stranger:
            with pytest.raises(CallError, match="UNAVAILABLE"):
                await stranger.sign_in("lena@example.org", "secret")
    assert not edge.requests("SignIn")
