"""Tests of revoking roles, disabling and enabling accounts, and the history of these changes."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from sqlalchemy import text

from proctorium.enrollment.events.v1.events_pb2 import (
    PersonDisabled,
    PersonEnabled,
    PersonRoleRevoked,
)
from proctorium.enrollment.v1 import accounts_pb2, people_pb2
from proctorium.enrollment.v1.accounts_pb2 import (
    DisableAccountRequest,
    EnableAccountRequest,
    GetMeRequest,
    RefreshTokenRequest,
    SetPasswordRequest,
    SignInRequest,
    SignInResponse,
)
from proctorium.enrollment.v1.people_pb2 import (
    BatchGetCertificationsRequest,
    CertifyProctorRequest,
    GrantRoleRequest,
    ListPeopleRequest,
    ListPersonHistoryRequest,
    Person,
    PersonChange,
    RevokeRoleRequest,
)
from proctorium.options.v1.options_pb2 import (
    ROLE_ADMINISTRATOR,
    ROLE_LEARNER,
    ROLE_PROCTOR,
    Role,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import PASSWORD, Client, Harness, sign_in, stamp, until_refused


def disabling(person: Person) -> DisableAccountRequest:
    return DisableAccountRequest(
        request_id=str(new_id()), person_id=person.person_id, reason="Left the organisation."
    )


def revoking(person: Person, role: Role.ValueType) -> RevokeRoleRequest:
    return RevokeRoleRequest(
        request_id=str(new_id()), person_id=person.person_id, role=role, reason="Another task."
    )


def version_of(response: SignInResponse) -> int:
    """Return the access version in a token.

    The token is not verified, because the verifier of the tests has another key.
    """
    payload = response.tokens.access_token.split(".")[1]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return int(claims["ver"])


async def grant(harness: Harness, person: Person, role: Role.ValueType) -> None:
    request = GrantRoleRequest(person_id=person.person_id, role=role)
    await harness.administrator.people.GrantRole(request)


async def history(harness: Harness, person: Person) -> list[PersonChange]:
    request = ListPersonHistoryRequest(person_id=person.person_id)
    return list((await harness.administrator.people.ListPersonHistory(request)).changes)


async def test_disabled_account_is_refused_at_once(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    signed_in, earlier = (
        await sign_in(harness, person.email),
        harness.learner(person.person_id),
    )
    await earlier.accounts.GetMe(GetMeRequest())
    request = disabling(person)
    response = await harness.administrator.accounts.DisableAccount(request)
    assert response.person.HasField("disabled_time")
    assert await harness.administrator.accounts.DisableAccount(request) == response
    (event,) = await harness.events(PersonDisabled)
    assert event == PersonDisabled(person_id=person.person_id, access_version=1)

    refused = await refusal(sign_in(harness, person.email))
    assert (refused.kind, refused.reason) == (Kind.UNAUTHENTICATED, "ACCOUNT_DISABLED")
    assert "administrator" in refused.message
    refresh = RefreshTokenRequest(refresh_token=signed_in.tokens.refresh_token)
    assert (
        await refusal(harness.anonymous.accounts.RefreshToken(refresh))
    ).reason == "ACCOUNT_DISABLED"
    ended = await until_refused(lambda: earlier.accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"


async def test_wrong_password_does_not_reveal_a_disabled_account(
    harness: Harness,
) -> None:
    disabled = await harness.person(password=PASSWORD)
    await harness.administrator.accounts.DisableAccount(disabling(disabled))
    enabled = await harness.person(password=PASSWORD)
    errors = [
        await refusal(
            harness.anonymous.accounts.SignIn(
                SignInRequest(email=email, password="not-the-password-1")
            )
        )
        for email in (disabled.email, enabled.email, f"{new_id()}@example.org")
    ]
    assert {(each.reason, each.message) for each in errors} == {
        ("SIGN_IN_FAILED", errors[0].message)
    }


async def test_right_password_of_a_disabled_account_is_no_failed_sign_in(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    await harness.administrator.accounts.DisableAccount(disabling(person))
    reasons = {(await refusal(sign_in(harness, person.email))).reason for _ in range(8)}
    assert reasons == {"ACCOUNT_DISABLED"}


async def test_enabling_allows_signing_in_but_earlier_tokens_stay_refused(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    signed_in, earlier = (
        await sign_in(harness, person.email),
        harness.learner(person.person_id),
    )
    await harness.administrator.accounts.DisableAccount(disabling(person))
    request = EnableAccountRequest(request_id=str(new_id()), person_id=person.person_id)
    response = await harness.administrator.accounts.EnableAccount(request)
    assert not response.person.HasField("disabled_time")
    assert await harness.administrator.accounts.EnableAccount(request) == response
    assert len(await harness.events(PersonEnabled)) == 1
    assert (version_of(signed_in), version_of(await sign_in(harness, person.email))) == (0, 1)
    ended = await until_refused(lambda: earlier.accounts.GetMe(GetMeRequest()))
    assert ended.reason == "TOKEN_INVALID"
    refresh = RefreshTokenRequest(refresh_token=signed_in.tokens.refresh_token)
    assert (
        await refusal(harness.anonymous.accounts.RefreshToken(refresh))
    ).reason == "REFRESH_TOKEN_INVALID"


async def test_revoked_role_in_an_earlier_token_has_no_effect(
    harness: Harness,
) -> None:
    person = await harness.person("administrator", password=PASSWORD)
    await harness.person("administrator")
    await grant(harness, person, ROLE_LEARNER)
    signed_in = await sign_in(harness, person.email)
    earlier = harness.client(person.person_id, "administrator", "learner")
    await earlier.people.ListPeople(ListPeopleRequest(page_size=1))

    request = revoking(person, ROLE_ADMINISTRATOR)
    response = await harness.administrator.people.RevokeRole(request)
    assert list(response.person.roles) == [ROLE_LEARNER]
    assert await harness.administrator.people.RevokeRole(request) == response
    (event,) = await harness.events(PersonRoleRevoked)
    assert event == PersonRoleRevoked(
        person_id=person.person_id, role=ROLE_ADMINISTRATOR, roles=[ROLE_LEARNER], access_version=1
    )

    demoted = await until_refused(lambda: earlier.people.ListPeople(ListPeopleRequest(page_size=1)))
    assert demoted.reason == "NOT_ALLOWED"
    assert (await earlier.accounts.GetMe(GetMeRequest())).person.person_id == person.person_id
    refresh = RefreshTokenRequest(refresh_token=signed_in.tokens.refresh_token)
    await harness.anonymous.accounts.RefreshToken(refresh)


async def test_revoking_the_proctor_role_ends_the_certification(harness: Harness) -> None:
    person = await harness.person("proctor")
    await grant(harness, person, ROLE_LEARNER)
    until = stamp(harness.clock.now + timedelta(days=30))
    await harness.administrator.people.CertifyProctor(
        CertifyProctorRequest(person_id=person.person_id, certified_until_time=until)
    )
    await harness.administrator.people.RevokeRole(revoking(person, ROLE_PROCTOR))
    request = BatchGetCertificationsRequest(person_ids=[person.person_id])
    session = harness.peer("session").people
    assert not (await session.BatchGetCertifications(request)).certifications
    newest, *_ = await history(harness, person)
    assert newest.kind == people_pb2.PERSON_CHANGE_KIND_ROLE_REVOKED
    assert newest.previous_certified_until_time == until
    assert not newest.HasField("certified_until_time")


async def test_disabled_proctor_is_not_certified(harness: Harness) -> None:
    person = await harness.person("proctor")
    until = stamp(harness.clock.now + timedelta(days=30))
    await harness.administrator.people.CertifyProctor(
        CertifyProctorRequest(person_id=person.person_id, certified_until_time=until)
    )
    await harness.administrator.accounts.DisableAccount(disabling(person))
    request = BatchGetCertificationsRequest(person_ids=[person.person_id])
    assert not (await harness.peer("session").people.BatchGetCertifications(request)).certifications


async def test_last_role_cannot_be_revoked(harness: Harness) -> None:
    person = await harness.person()
    only = await refusal(harness.administrator.people.RevokeRole(revoking(person, ROLE_LEARNER)))
    assert (only.kind, only.reason) == (Kind.INVALID_STATE_TRANSITION, "LAST_ROLE")
    await harness.administrator.people.RevokeRole(revoking(person, ROLE_PROCTOR))
    assert await history(harness, person) == []


async def _only_administrators(harness: Harness, *people: Person) -> None:
    """Disable all administrators except these people."""
    others = await harness.rows(
        "SELECT person_id FROM people WHERE 'administrator' = ANY (roles) AND disabled_at IS NULL"
    )
    for row in others:
        if str(row.person_id) not in {person.person_id for person in people}:
            await harness.administrator.accounts.DisableAccount(
                DisableAccountRequest(person_id=str(row.person_id), reason="For a test.")
            )


async def test_last_administrator_can_be_neither_revoked_nor_disabled(
    harness: Harness,
) -> None:
    last = await harness.person("administrator")
    await _only_administrators(harness, last)
    await grant(harness, last, ROLE_LEARNER)
    own = harness.client(last.person_id, "administrator")
    demoted = await refusal(own.people.RevokeRole(revoking(last, ROLE_ADMINISTRATOR)))
    disabled = await refusal(own.accounts.DisableAccount(disabling(last)))
    assert (demoted.kind, demoted.reason) == (Kind.INVALID_STATE_TRANSITION, "LAST_ADMINISTRATOR")
    assert (disabled.kind, disabled.reason) == (Kind.INVALID_STATE_TRANSITION, "LAST_ADMINISTRATOR")
    for change in ("roles = '{learner}'", "disabled_at = now()"):
        with pytest.raises(Exception, match="last administrator"):
            async with harness.database.transaction() as tx:
                await tx.execute(
                    text(
                        f"UPDATE people SET {change}, access_version = access_version + 1 WHERE person_id = :id"
                    ),
                    {"id": last.person_id},
                )


async def test_two_administrators_cannot_disable_each_other_at_once(
    harness: Harness,
) -> None:
    one, two = [await harness.person("administrator") for _ in range(2)]
    await _only_administrators(harness, one, two)

    def disable(by: Person, target: Person) -> Awaitable[object]:
        client = harness.client(by.person_id, "administrator")
        return client.accounts.DisableAccount(disabling(target))

    outcomes = await asyncio.gather(
        disable(one, two),
        disable(two, one),
        return_exceptions=True,
    )
    assert sum(isinstance(each, accounts_pb2.DisableAccountResponse) for each in outcomes) == 1


async def test_database_refuses_to_revoke_a_right_without_a_new_access_version(
    harness: Harness,
) -> None:
    person = await harness.person()
    for change in ("roles = '{proctor}'", "disabled_at = now()", "access_version = -1"):
        with pytest.raises(Exception, match="access version"):
            async with harness.database.transaction() as tx:
                await tx.execute(
                    text(f"UPDATE people SET {change} WHERE person_id = :id"),
                    {"id": person.person_id},
                )


async def test_history_contains_changes_with_actor_and_reason(harness: Harness) -> None:
    administrator = await harness.person("administrator", name="Ada Obi")
    client = harness.client(administrator.person_id, "administrator")
    person = await harness.person()
    await client.people.GrantRole(GrantRoleRequest(person_id=person.person_id, role=ROLE_PROCTOR))
    await client.people.RevokeRole(revoking(person, ROLE_PROCTOR))
    await client.accounts.DisableAccount(disabling(person))
    await client.accounts.EnableAccount(EnableAccountRequest(person_id=person.person_id))
    found = await history(harness, person)
    assert [(change.kind, change.role, change.reason) for change in found] == [
        (people_pb2.PERSON_CHANGE_KIND_ENABLED, 0, ""),
        (people_pb2.PERSON_CHANGE_KIND_DISABLED, 0, "Left the organisation."),
        (people_pb2.PERSON_CHANGE_KIND_ROLE_REVOKED, ROLE_PROCTOR, "Another task."),
        (people_pb2.PERSON_CHANGE_KIND_ROLE_GRANTED, ROLE_PROCTOR, ""),
    ]
    assert {change.changed_by for change in found} == {administrator.person_id}
    assert {change.changed_by_name for change in found} == {"Ada Obi"}
    page = await client.people.ListPersonHistory(
        ListPersonHistoryRequest(person_id=person.person_id, page_size=3)
    )
    rest = await client.people.ListPersonHistory(
        ListPersonHistoryRequest(
            person_id=person.person_id, page_size=3, page_token=page.next_page_token
        )
    )
    assert [*page.changes, *rest.changes] == found
    assert not rest.next_page_token
    with pytest.raises(Exception, match="permanent"):
        async with harness.database.transaction() as tx:
            await tx.execute(text("UPDATE person_changes SET reason = ''"))


async def test_only_administrators_change_rights(harness: Harness) -> None:
    person = await harness.person()
    for client in (
        harness.client(new_id(), "proctor"),
        harness.learner(person.person_id),
    ):
        for call in _all_calls(client, person):
            assert (await refusal(call)).reason == "NOT_ALLOWED"
    for call in _all_calls(harness.anonymous, person):
        assert (await refusal(call)).reason == "TOKEN_MISSING"
    unknown = Person(person_id=str(new_id()))
    for call in _all_calls(harness.administrator, unknown):
        assert (await refusal(call)).reason == "NOT_FOUND"


def _all_calls(client: Client, person: Person) -> list[Awaitable[object]]:
    return [
        client.people.RevokeRole(revoking(person, ROLE_LEARNER)),
        client.people.ListPersonHistory(ListPersonHistoryRequest(person_id=person.person_id)),
        client.accounts.DisableAccount(disabling(person)),
        client.accounts.EnableAccount(EnableAccountRequest(person_id=person.person_id)),
    ]


async def test_revoking_and_disabling_need_a_reason(harness: Harness) -> None:
    person = await harness.person()
    for call in (
        harness.administrator.accounts.DisableAccount(
            DisableAccountRequest(person_id=person.person_id)
        ),
        harness.administrator.people.RevokeRole(
            RevokeRoleRequest(person_id=person.person_id, role=ROLE_LEARNER)
        ),
    ):
        missing = await refusal(call)
        assert missing.reason == "INVALID_REQUEST"
        assert [violation.field for violation in missing.violations] == ["reason"]


async def test_new_password_does_not_enable_a_disabled_account(
    harness: Harness,
) -> None:
    person = await harness.person(password=PASSWORD)
    await harness.administrator.accounts.DisableAccount(disabling(person))
    await harness.administrator.accounts.SetPassword(
        SetPasswordRequest(person_id=person.person_id, new_password="harbour-violet-93")
    )
    request = SignInRequest(email=person.email, password="harbour-violet-93")
    assert (await refusal(harness.anonymous.accounts.SignIn(request))).reason == "ACCOUNT_DISABLED"
