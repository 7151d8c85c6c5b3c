"""Test that tokens are refused and open streams end after a role is revoked or an account is disabled."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable

from playwright.async_api import expect

from e2e.browsing import Visitor, shared_browser
from e2e.clients import LearnerClient
from e2e.scenario import Scenario
from proctorium.assessment.v1.attempts_pb2 import ListAttemptsRequest
from proctorium.enrollment.v1.accounts_pb2 import (
    DisableAccountRequest,
    EnableAccountRequest,
    GetMeRequest,
)
from proctorium.enrollment.v1.people_pb2 import GrantRoleRequest, RevokeRoleRequest
from proctorium.identity.v1.verification_pb2 import GetCaseRequest, LearnerInSession
from proctorium.notification.v1.notifications_pb2 import ListNotificationsRequest
from proctorium.options.v1.options_pb2 import ROLE_LEARNER, ROLE_PROCTOR
from proctorium.session.v1.lobby_pb2 import WatchSessionRequest
from proctorium.session.v1.sessions_pb2 import ListSessionsRequest, OpenLobbyRequest
from proctorium.session.v1.supervision_pb2 import WatchRosterRequest
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.people import Person, sign_in
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal

Calls = dict[str, Callable[[], Awaitable[object]]]


def calls_of(scenario: Scenario, learner: Person) -> Calls:
    """Return a call that the learner makes to each service; the keys are the names of the services."""
    case = GetCaseRequest(learner=LearnerInSession(session_id=scenario.session_id))
    return {
        "enrollment": lambda: learner.accounts.GetMe(GetMeRequest()),
        "session": lambda: learner.sessions.ListSessions(ListSessionsRequest()),
        "assessment": lambda: learner.attempts.ListAttempts(ListAttemptsRequest()),
        "identity": lambda: learner.identity.GetCase(case),
        "notification": lambda: learner.inbox.ListNotifications(ListNotificationsRequest()),
    }


async def reason_of(call: Callable[[], Awaitable[object]]) -> str:
    """Make a call and return the reason why it is refused.

    Returns an empty text if the call succeeds, or if the requested resource does not exist.
    """
    try:
        await call()
    except ServiceError as failed:
        return failed.reason if failed.kind is not Kind.NOT_FOUND else ""
    return ""


async def until_refused(call: Callable[[], Awaitable[object]], service: str) -> str:
    async def refused() -> str | None:
        return await reason_of(call) or None

    return await eventually(refused, f"{service} to refuse the token")


async def end_of(stream: AsyncIterable[object]) -> ServiceError:
    """Read the stream until its end; return the error with which the stream ended."""

    async def read() -> None:
        async for _ in stream:
            pass

    return await refusal(read())


async def disable(scenario: Scenario, person: Person) -> None:
    await scenario.administrator.accounts.DisableAccount(
        DisableAccountRequest(person_id=person.person_id, reason="For a test.")
    )


async def enable(scenario: Scenario, person: Person) -> None:
    await scenario.administrator.accounts.EnableAccount(
        EnableAccountRequest(person_id=person.person_id)
    )


async def test_disabled_account_is_refused_by_every_service_and_its_streams_end(
    scenario: Scenario,
) -> None:
    learner = scenario.learners[0]
    client = LearnerClient(learner, scenario)
    await client.join()
    calls = calls_of(scenario, learner)
    assert {await reason_of(call) for call in calls.values()} == {""}
    watch = learner.lobby.WatchSession(WatchSessionRequest(session_id=scenario.session_id))
    opened = aiter(watch)
    await anext(opened)
    await disable(scenario, learner)
    assert (await end_of(opened)).reason == "TOKEN_EXPIRED"
    reasons = {service: await until_refused(call, service) for service, call in calls.items()}
    assert set(reasons.values()) == {"TOKEN_INVALID"}, reasons
    assert (await refusal(learner.refresh_tokens())).reason == "ACCOUNT_DISABLED"
    await enable(scenario, learner)
    signed_in = await sign_in(scenario.edge, learner.email, learner.password)
    assert {await reason_of(call) for call in calls_of(scenario, signed_in).values()} == {""}
    assert {await reason_of(call) for call in calls.values()} == {"TOKEN_INVALID"}
    await signed_in.close()
    await client.close()


async def test_proctor_without_the_role_is_refused_and_others_are_not(
    scenario: Scenario,
) -> None:
    proctor, administrator = scenario.proctor, scenario.administrator
    await administrator.people.GrantRole(
        GrantRoleRequest(person_id=proctor.person_id, role=ROLE_LEARNER)
    )
    roster = aiter(
        proctor.supervision.WatchRoster(WatchRosterRequest(session_id=scenario.session_id))
    )
    await anext(roster)
    await administrator.people.RevokeRole(
        RevokeRoleRequest(person_id=proctor.person_id, role=ROLE_PROCTOR, reason="For a test.")
    )
    assert (await end_of(roster)).reason == "TOKEN_EXPIRED"
    opening = OpenLobbyRequest(session_id=scenario.session_id)
    assert (await refusal(proctor.sessions.OpenLobby(opening))).reason == "NOT_ALLOWED"
    await proctor.refresh_tokens()
    assert (await refusal(proctor.sessions.OpenLobby(opening))).reason == "NOT_ALLOWED"
    await proctor.accounts.GetMe(GetMeRequest())
    await administrator.sessions.OpenLobby(opening)


async def test_revocation_without_the_broker_takes_effect_when_nats_is_back(
    stack: Stack, scenario: Scenario
) -> None:
    """Check that only enrollment refuses the tokens while NATS is down, and that all services refuse them afterwards.

    While NATS is down, the other services accept an access token until it expires, which takes at most ten minutes.
    Enrollment refuses the token at once and issues no new token.
    """
    learner = scenario.learners[0]
    calls = calls_of(scenario, learner)
    await stack.stop("nats")
    try:
        await disable(scenario, learner)
        await until_refused(calls["enrollment"], "enrollment")
        assert (await refusal(learner.refresh_tokens())).reason == "ACCOUNT_DISABLED"
        assert await reason_of(calls["session"]) == "", (
            "the token is valid until it expires or the revocation arrives"
        )
    finally:
        await stack.start("nats")
    reasons = {service: await until_refused(call, service) for service, call in calls.items()}
    assert set(reasons.values()) == {"TOKEN_INVALID"}, reasons


async def test_administrator_disables_and_enables_an_account_on_the_people_page(
    stack: Stack, scenario: Scenario
) -> None:
    learner = scenario.learners[0]
    async with shared_browser() as opened:
        lena = await Visitor.open(opened, stack.url("edge"))
        await lena.sign_in(learner.email, learner.password)
        ada = await Visitor.open(opened, stack.url("edge"))
        await ada.sign_in(seed.ADMINISTRATOR.email, seed.ADMINISTRATOR.password)
        page = ada.page
        await page.goto("/people")
        await page.get_by_label("Find by name or e-mail address").fill(learner.email)
        card = page.get_by_role("listitem").filter(has_text=learner.email)
        await card.get_by_text("Change").click()
        await card.get_by_label("Why").fill("Left the organisation.")
        await card.get_by_role("button", name="Disable the account…").click()
        await expect(card.get_by_text("They are signed out everywhere")).to_be_visible()
        await ada.screenshot("people-disable")
        await card.get_by_role("button", name="Disable the account", exact=False).last.click()
        await expect(card.get_by_text("Disabled", exact=True)).to_be_visible()

        await lena.page.goto("/join")
        await expect(lena.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await lena.page.get_by_label("E-mail address").fill(learner.email)
        await lena.page.get_by_label("Password").fill(learner.password)
        await lena.page.get_by_role("button", name="Sign in").click()
        await expect(lena.page.get_by_text("Your account is disabled")).to_be_visible()

        await expect(card.get_by_text("account disabled")).to_be_visible()
        await card.get_by_role("button", name="Enable the account…").click()
        await card.get_by_role("button", name="Enable the account", exact=False).last.click()
        await expect(card.get_by_text("account enabled")).to_be_visible()
        await ada.screenshot("people-history")
        await lena.sign_in(learner.email, learner.password)
        assert ada.errors == []
        assert lena.errors == []
