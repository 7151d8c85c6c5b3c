"""Tests of the constraints and triggers of the database."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from proctorium.enrollment.v1.accounts_pb2 import SignInRequest, SignOutRequest
from proctorium.enrollment.v1.codes_pb2 import ListCodesRequest, RevokeCodeRequest
from proctorium.enrollment.v1.courses_pb2 import COURSE_KIND_SELF_PACED, RecordProgressRequest
from proctorium_common.ids import new_id
from proctorium_enrollment.domain.codes import CODE_STATES, CodeState

from .harness import PASSWORD, Harness, Scheduled, ended_event, lesson


async def refuses(harness: Harness, statement: str, **values: object) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with harness.database.transaction() as tx:
            await tx.execute(text(statement), values)
    state = getattr(refused.value.orig, "sqlstate", "")
    # SQLSTATE class 23 contains integrity constraint violations, including the restrict_violation that our triggers
    # raise.
    assert state.startswith("23"), refused.value


async def code_id(harness: Harness, session: Scheduled) -> str:
    request = ListCodesRequest(session_id=session.session_id)
    return (await harness.administrator.codes.ListCodes(request)).codes[0].code_id


async def test_people(harness: Harness) -> None:
    person = await harness.person()
    other = await harness.person()
    who = {"who": person.person_id}
    change = "UPDATE people SET {} WHERE person_id = CAST(:who AS uuid)"
    await refuses(harness, change.format("email = upper(email)"), **who)
    await refuses(harness, change.format("email = :email"), email=other.email, **who)
    await refuses(harness, change.format("roles = '{}'"), **who)
    await refuses(harness, change.format("roles = '{owner}'"), **who)
    await refuses(harness, change.format("certified_until = now()"), **who)


async def test_accommodations(harness: Harness) -> None:
    person = await harness.person()
    who = {"who": person.person_id}
    insert = """
        INSERT INTO accommodation_revisions VALUES (CAST(:who AS uuid), {}, CAST(:who AS uuid), now())
    """
    async with harness.database.transaction() as tx:
        await tx.execute(text(insert.format("1, 25, '', ''")), who)
    for values in (
        "1, 25, '', ''",
        "3, 25, '', ''",
        "2, 201, '', ''",
        "2, -1, '', ''",
        "2, 25, repeat('a', 1001), ''",
        "2, 25, '', repeat('a', 501)",
        "101, 25, '', ''",
    ):
        await refuses(harness, insert.format(values), **who)
    change = "{} WHERE person_id = CAST(:who AS uuid)"
    await refuses(
        harness, change.format("UPDATE accommodation_revisions SET extra_time_percent = 50"), **who
    )
    await refuses(harness, change.format("DELETE FROM accommodation_revisions"), **who)


async def test_sign_ins(harness: Harness) -> None:
    person = await harness.person(password=PASSWORD)
    request = SignInRequest(email=person.email, password=PASSWORD)
    signed_in = await harness.anonymous.accounts.SignIn(request)
    await harness.anonymous.accounts.SignOut(
        SignOutRequest(refresh_token=signed_in.tokens.refresh_token)
    )
    who = {"who": person.person_id}
    await refuses(
        harness,
        "UPDATE sign_ins SET ended_at = NULL WHERE person_id = CAST(:who AS uuid)",
        **who,
    )
    await refuses(
        harness,
        "UPDATE sign_ins SET stay_signed_in = true WHERE person_id = CAST(:who AS uuid)",
        **who,
    )
    async with harness.database.transaction() as tx:
        await tx.execute(text("UPDATE refresh_tokens SET used_at = now() WHERE used_at IS NULL"))
    await refuses(harness, "UPDATE refresh_tokens SET used_at = NULL")


async def test_courses_and_units(harness: Harness) -> None:
    course = await harness.course()
    what = {"what": course.course_id}
    await refuses(
        harness,
        "UPDATE courses SET published_at = NULL WHERE course_id = CAST(:what AS uuid)",
        **what,
    )
    for change in (
        "markdown = ''",
        "url = 'https://example.org'",
        "kind = 'link'",
        "kind = 'quiz'",
    ):
        await refuses(
            harness, f"UPDATE units SET {change} WHERE course_id = CAST(:what AS uuid)", **what
        )


async def test_registrations_and_progress(harness: Harness) -> None:
    course = await harness.course(COURSE_KIND_SELF_PACED, [lesson()])
    other = await harness.course(COURSE_KIND_SELF_PACED, [lesson()])
    person_id = await harness.registered_learner(course.course_id)
    record = RecordProgressRequest(unit_id=course.units[0].unit_id)
    await harness.learner(person_id).courses.RecordProgress(record)
    what = {"what": course.course_id}
    await refuses(
        harness,
        "INSERT INTO registrations SELECT gen_random_uuid(), person_id, course_id, now(), NULL"
        " FROM registrations WHERE course_id = CAST(:what AS uuid)",
        **what,
    )
    await refuses(
        harness,
        "UPDATE registrations SET completed_at = NULL WHERE course_id = CAST(:what AS uuid)",
        **what,
    )
    # The unit and the registration belong to different courses.
    await refuses(
        harness,
        "INSERT INTO progress SELECT registration_id, CAST(:unit AS uuid), course_id, now()"
        " FROM registrations WHERE course_id = CAST(:what AS uuid)",
        unit=other.units[0].unit_id,
        **what,
    )


async def test_codes(harness: Harness) -> None:
    session = await harness.session()
    what = {"what": await code_id(harness, session)}
    change = "UPDATE codes SET {} WHERE code_id = CAST(:what AS uuid)"
    await refuses(
        harness,
        change.format("valid_from = now(), valid_until = now() + interval '1 day'"),
        **what,
    )
    await refuses(harness, change.format("state = 'lost'"), **what)
    copy = (
        "INSERT INTO codes SELECT gen_random_uuid(), session_id, person_id, {}, folded_lookup, encrypted_text, state,"
        " valid_from, valid_until, {}, NULL, now() FROM codes WHERE code_id = CAST(:what AS uuid)"
    )
    await refuses(harness, copy.format("lookup", "false"), **what)
    await refuses(harness, copy.format("'another'", "true"), **what)  # a second automatic code
    request = RevokeCodeRequest(code_id=what["what"])
    await harness.administrator.codes.RevokeCode(request)
    await refuses(harness, change.format("state = 'active'"), **what)


async def test_database_allows_exactly_the_stored_transitions_of_the_state_machine(
    harness: Harness,
) -> None:
    session = await harness.session()
    stored = [state for state in CodeState if state is not CodeState.EXPIRED]
    allowed = set()
    for origin in stored:
        for target in stored:
            row = {
                "id": new_id(),
                "session": UUID(session.session_id),
                "lookup": new_id().bytes,
                "origin": origin,
            }
            async with harness.database.transaction() as tx:
                await tx.execute(
                    text(
                        "INSERT INTO codes VALUES (:id, :session, NULL, :lookup, '', '', :origin, NULL, NULL, false, NULL, now())"
                    ),
                    row,
                )
            try:
                async with harness.database.transaction() as tx:
                    await tx.execute(
                        text("UPDATE codes SET state = :target WHERE code_id = :id"),
                        {"target": target, "id": row["id"]},
                    )
            except DBAPIError as refused:
                assert "cannot change" in str(refused)  # noqa: PT017 - any other error is a mistake here
            else:
                allowed |= {(origin, target)} if origin is not target else set()
    assert allowed == {pair for pair in CODE_STATES.pairs if CodeState.EXPIRED not in pair}


async def test_sessions(harness: Harness) -> None:
    session = await harness.session()
    await harness.deliver(ended_event(session))
    for state in ("in_progress", "scheduled", "cancelled", "paused"):
        await refuses(
            harness,
            f"UPDATE sessions SET state = '{state}' WHERE session_id = CAST(:what AS uuid)",
            what=session.session_id,
        )


async def test_there_is_one_organisation(harness: Harness) -> None:
    for singleton in ("true", "false"):
        await refuses(harness, f"INSERT INTO organisation VALUES ({singleton}, '', '', '', 1)")
