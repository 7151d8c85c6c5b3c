"""What mail servers answer, and what becomes of a delivery by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_common.tasks import end
from proctorium_notification.domain.deliveries import RetryRules
from proctorium_notification.operations.sending import SendingRules
from proctorium_notification.workers.backlog import Backlog
from proctorium_notification.workers.sending import SendingWorker

from .mail_sink import Step
from .own_sender import own_sender
from .world import Person, World, removed, until

MigratedDatabase = Callable[[str], str]


def answering(step: str, address: str, *answers: str | None) -> Step:
    """Answers so at this step for this address, one after the other; then 250."""
    waiting = list(answers)

    async def answer(at: str, recipient: str) -> str | None:
        if at == step and (recipient == address or not address) and waiting:
            return waiting.pop(0)
        return None

    return answer


async def told(world: World) -> Person:
    """Somebody to whom a mail is on its way."""
    learner, session_id = world.person(), await world.session()
    await world.tell(removed(session_id, learner))
    return learner


def prepared(world: World, step: str, *answers: str) -> Person:
    """Somebody at whose mail the mail server answers so."""
    learner = world.person()
    world.sink.step = answering(step, learner.email, *answers)
    return learner


async def test_what_was_taken_is_sent_and_said(world: World) -> None:
    learner = await told(world)
    await world.mail(learner)
    await world.until_state(learner, "sent")
    delivery = await world.delivery(learner)
    assert (delivery.attempt_count, delivery.last_error) == (1, "")
    assert delivery.HasField("send_time")
    assert await world.published(learner) == ["sent"]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MESSAGE"])
async def test_not_now_is_tried_again(world: World, step: str) -> None:
    session_id = await world.session()
    learner = prepared(world, step, "451 4.7.1 Greylisted", "450 Still greylisted")
    await world.tell(removed(session_id, learner))
    await world.mail(learner)
    await world.until_state(learner, "sent")
    assert (await world.delivery(learner)).attempt_count == 3
    assert await world.published(learner) == ["sent"]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MESSAGE"])
async def test_never_is_a_failure_without_the_address(world: World, step: str) -> None:
    session_id, learner = await world.session(), world.person()
    answer = f"550 5.1.1 <{learner.email}> no such user here ({learner.email.upper()})"
    world.sink.step = answering(step, learner.email, answer)
    await world.tell(removed(session_id, learner))
    await world.until_state(learner, "failed")
    delivery = await world.delivery(learner)
    assert delivery.last_error.startswith("550 5.1.1")
    assert "@" not in delivery.last_error
    assert learner.email.partition("@")[0] not in delivery.last_error.lower()
    assert await world.published(learner) == ["failed"]
    assert world.sink.mails_to(learner.email) == []
    # The connection is as good as before for the next one.
    other = world.person()
    await world.tell(removed(session_id, other))
    await world.mail(other)


async def test_a_server_that_does_not_take_our_sender_is_not_the_messages_fault(
    world: World,
) -> None:
    session_id, learner = await world.session(), world.person()
    world.sink.step = answering("MAIL", "", "530 5.7.0 Authentication required", "421 Busy")
    await world.tell(removed(session_id, learner))
    await world.mail(learner)
    await world.until_state(learner, "sent")
    assert (await world.delivery(learner)).attempt_count == 1


async def test_a_server_that_is_not_there_gets_the_mail_when_it_is_back(world: World) -> None:
    session_id = await world.session()
    await world.sink.stop()
    try:
        learner = world.person()
        await world.tell(removed(session_id, learner))
        await world.until_row(
            "SELECT 1 FROM deliveries WHERE person_id = :id AND channel = 'email' AND last_error <> ''",
            id=learner.person_id,
        )
        assert await world.state(learner) == "pending"
        assert (await world.delivery(learner)).attempt_count == 0
        # In the application it is there all the same.
        found = await learner.inbox.ListNotifications(pb.ListNotificationsRequest())
        assert len(found.notifications) == 1
    finally:
        await world.sink.start()
    await world.mail(learner)
    await world.until_state(learner, "sent")
    assert await world.published(learner) == ["sent"]


async def test_without_enrollment_mails_wait_for_their_address(world: World) -> None:
    session_id = await world.session()
    await world.enrollment.stop()
    try:
        learner = world.person()
        await world.tell(removed(session_id, learner))
        await world.until_row(
            "SELECT 1 FROM deliveries WHERE person_id = :id AND last_error LIKE 'Enrollment%'",
            id=learner.person_id,
        )
        assert world.sink.mails_to(learner.email) == []
    finally:
        await world.enrollment.start()
    await world.mail(learner)


async def test_whom_nobody_knows_gets_nothing(world: World) -> None:
    session_id, learner = await world.session(), world.person()
    del world.enrollment.contacts[learner.id]
    await world.tell(removed(session_id, learner))
    await world.until_state(learner, "failed")
    assert await world.published(learner) == ["failed"]


async def test_an_address_that_is_none_fails_and_does_not_hold_up_the_others(world: World) -> None:
    session_id, wrong, right = await world.session(), world.person(), world.person()
    world.enrollment.contacts[wrong.id].email = "not an address"
    await world.tell(removed(session_id, wrong), removed(session_id, right))
    await world.mail(right)
    await world.until_state(wrong, "failed")
    assert (await world.delivery(wrong)).last_error == "the address cannot be written to"


async def test_a_server_that_closes_instead_of_taking_is_tried_again(world: World) -> None:
    session_id = await world.session()
    learner = prepared(world, "MESSAGE", "421 4.3.2 Shutting down")
    await world.tell(removed(session_id, learner))
    await world.mail(learner)
    await world.until_state(learner, "sent")
    assert (await world.delivery(learner)).attempt_count == 2


async def test_no_answer_to_a_message_is_in_doubt_and_a_person_sends_it_again(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        silent, other = world.person(), world.person()

        async def hang_up(step: str, recipient: str) -> str | None:
            if step == "MESSAGE" and recipient == silent.email:
                world.sink.hang_up()
            return None

        world.sink.step = hang_up
        await own.add(silent)
        await own.add(other)
        while await own.send_due():
            pass
        assert await own.states() == [("in_doubt", 1), ("sent", 1)]
        assert len(world.sink.mails_to(other.email)) == 1
        own.now += timedelta(days=1)
        assert not await own.send_due()
        assert await own.states() == [("in_doubt", 1), ("sent", 1)]


@pytest.mark.parametrize(
    "answer",
    [
        "nonsense",
        "200 Fine",
        "354 Go on",
        "999 What",
        "2",
        "250",
        "250-Taken\r\n",
        "250 " + "x" * 100_000,
    ],
    ids=lambda answer: repr(answer[:12]),
)
async def test_a_message_is_never_handed_over_again_after_an_answer_that_is_no_refusal(
    answer: str, migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        learner = prepared(world, "ANSWER", answer)
        await own.add(learner)
        await own.send_due()
        [(state, attempts)] = await own.states()
        assert (state, attempts) == ("sent" if answer == "250" else "in_doubt", 1)
        own.now += timedelta(days=1)
        assert not await own.send_due()
        assert len(world.sink.mails_to(learner.email)) == 1


@pytest.mark.parametrize("answer", ["nonsense", "299 Fine", "nonsense\r\n250 OK"], ids=repr)
async def test_an_answer_about_a_recipient_that_smtp_does_not_know_is_not_now(
    answer: str, migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        learner, other = prepared(world, "RCPT", answer), world.person()
        await own.add(learner)
        await own.add(other)
        await own.send_due()
        assert await own.states() == [("pending", 1), ("sent", 1)]
        own.now += timedelta(minutes=1)
        await own.send_due()
        assert await own.states() == [("sent", 2), ("sent", 1)]
        assert [len(world.sink.mails_to(each.email)) for each in (learner, other)] == [1, 1]


async def test_mails_go_out_when_the_database_says_so_and_not_when_the_clock_does(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        worker = SendingWorker(own.listener, own.sender, look_every=timedelta(hours=1))

        async def turns() -> None:
            while True:
                await worker.turn()

        task = asyncio.create_task(turns())
        try:
            for _ in range(3):
                learner = world.person()
                await own.add(learner)
                await world.mail(learner)
        finally:
            await end(task)
            await worker.close()


async def test_several_senders_send_each_mail_once(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        learners = [world.person() for _ in range(30)]
        for learner in learners:
            await own.add(learner)

        async def drain() -> None:
            while await own.send_due():
                pass

        await asyncio.gather(*(drain() for _ in range(4)))
        await drain()
        assert [len(world.sink.mails_to(each.email)) for each in learners] == [1] * 30


async def test_trying_ends_some_day(migrated_database: MigratedDatabase, world: World) -> None:
    rules = SendingRules(retry=RetryRules(give_up=timedelta(days=3)))
    async with own_sender(world, migrated_database("proctorium_notification"), rules) as own:
        learner = prepared(world, "RCPT", *["451 Not now"] * 10)
        await own.add(learner)
        await own.send_due()
        assert await own.states() == [("pending", 1)]
        own.now += timedelta(days=3)
        await own.send_due()
        assert await own.states() == [("failed", 2)]


async def test_pauses_grow_from_one_refusal_to_the_next(
    migrated_database: MigratedDatabase, world: World
) -> None:
    rules = SendingRules(retry=RetryRules(first=timedelta(seconds=10)))
    async with own_sender(world, migrated_database("proctorium_notification"), rules) as own:
        learner = prepared(world, "RCPT", *["451 Not now"] * 10)
        await own.add(learner)
        for pause in (10, 20, 40):
            await own.send_due()
            [(next_attempt_at,)] = await own.rows(
                "SELECT next_attempt_at FROM deliveries WHERE channel = 'email'"
            )
            assert next_attempt_at == own.now + timedelta(seconds=pause)
            own.now += timedelta(seconds=pause - 1)
            assert not await own.send_due()
            own.now += timedelta(seconds=1)


async def test_a_sender_that_lost_its_claim_hands_nothing_over(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        learner = world.person()
        await own.add(learner)

        async def taken_over(step: str, recipient: str) -> str | None:
            if step == "RCPT" and recipient == learner.email:
                await own.rows("UPDATE deliveries SET lease_token = gen_random_uuid()")
            return None

        world.sink.step = taken_over
        await own.send_due()
        assert world.sink.mails_to(learner.email) == []
        assert await own.states() == [("pending", 0)]


async def test_a_sender_that_lost_its_connection_loses_its_claims_and_goes_on(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        learner, cut = world.person(), asyncio.Event()
        await own.add(learner)

        async def cut_off(step: str, recipient: str) -> str | None:
            if step == "RCPT" and recipient == learner.email and not cut.is_set():
                cut.set()
                await own.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                await until(nobody_is_present)
                await own.rows("UPDATE deliveries SET leased_until = now() - interval '1 second'")
            return None

        async def nobody_is_present() -> bool:
            return not await own.rows(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )

        world.sink.step = cut_off
        await own.send_due()
        assert world.sink.mails_to(learner.email) == []
        own.now += timedelta(seconds=1)
        await own.send_due()
        assert len(world.sink.mails_to(learner.email)) == 1
        assert await own.states() == [("sent", 1)]


async def test_the_largest_session_is_told_of_at_once(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        await own.tell([new_id() for _ in range(5000)])
        assert await own.rows("SELECT count(*) FROM deliveries") == [(10_000,)]


async def test_what_has_not_gone_out_is_counted(
    migrated_database: MigratedDatabase, world: World
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        backlog = Backlog(own.database, own.sender.destinations.slow)
        assert list(backlog.observations()) == []
        await own.add(world.person())
        await backlog.turn()
        counted = {(each.attributes or {})["state"]: each.value for each in backlog.observations()}
        assert counted == {"pending": 1, "sending": 0, "failed": 0, "in_doubt": 0}
