"""Tests of the outcomes of deliveries for different responses of the mail server."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_common.tasks import end
from proctorium_devstack.testing import MigratedDatabase
from proctorium_devstack.testing.states import check_trigger
from proctorium_devstack.testing.waiting import until
from proctorium_notification.domain.deliveries import (
    DELIVERY_STATES,
    DeliveryState,
    RetryPolicy,
)
from proctorium_notification.operations.sending import SendingPolicy
from proctorium_notification.workers.backlog import Backlog
from proctorium_notification.workers.sending import SendingWorker

from .harness import Harness, Person, removed
from .isolated_sender import isolated_sender
from .mail_sink import Step


def responding(step: str, address: str, *responses: str | None) -> Step:
    """Return a callback that returns the next of `responses` at each `step`, and None after the last response.

    If `address` is empty, the responses are returned for mails to all recipients. Otherwise, they are returned only for
    mails to `address`.
    """
    remaining = list(responses)

    async def respond(at: str, recipient: str) -> str | None:
        if at == step and (recipient == address or not address) and remaining:
            return remaining.pop(0)
        return None

    return respond


async def removed_learner(harness: Harness) -> Person:
    """Return a learner who was removed from a session and is notified of the removal by a mail."""
    learner, session_id = harness.person(), await harness.session()
    await harness.publish(removed(session_id, learner))
    return learner


def learner_with_responses(harness: Harness, step: str, *responses: str) -> Person:
    """Return a new learner, and make the mail server use `responses` at the step `step` for mails to this learner."""
    learner = harness.person()
    harness.sink.step = responding(step, learner.email, *responses)
    return learner


async def test_accepted_mail_is_sent_and_published(harness: Harness) -> None:
    learner = await removed_learner(harness)
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    delivery = await harness.delivery(learner)
    assert (delivery.try_count, delivery.last_error) == (1, "")
    assert delivery.HasField("send_time")
    assert await harness.published(learner.id) == ["delivery.sent"]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MESSAGE"])
async def test_deferred_mail_is_retried(harness: Harness, step: str) -> None:
    session_id = await harness.session()
    learner = learner_with_responses(harness, step, "451 4.7.1 Greylisted", "450 Still greylisted")
    await harness.publish(removed(session_id, learner))
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    assert (await harness.delivery(learner)).try_count == 3
    assert await harness.published(learner.id) == ["delivery.sent"]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MESSAGE"])
async def test_rejected_mail_fails_with_an_error_without_the_address(
    harness: Harness, step: str
) -> None:
    session_id, learner = await harness.session(), harness.person()
    response = f"550 5.1.1 <{learner.email}> no such user here ({learner.email.upper()})"
    harness.sink.step = responding(step, learner.email, response)
    await harness.publish(removed(session_id, learner))
    await harness.until_state(learner, "failed")
    delivery = await harness.delivery(learner)
    assert delivery.last_error.startswith("550 5.1.1")
    assert "@" not in delivery.last_error
    assert learner.email.partition("@")[0] not in delivery.last_error.lower()
    assert await harness.published(learner.id) == ["delivery.failed"]
    assert harness.sink.mails_to(learner.email) == []
    # A mail after the rejected mail is still sent.
    other = harness.person()
    await harness.publish(removed(session_id, other))
    await harness.mail(other)


async def test_rejected_sender_address_counts_as_no_try(
    harness: Harness,
) -> None:
    session_id, learner = await harness.session(), harness.person()
    harness.sink.step = responding("MAIL", "", "530 5.7.0 Authentication required", "421 Busy")
    await harness.publish(removed(session_id, learner))
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    assert (await harness.delivery(learner)).try_count == 1


async def test_mail_is_sent_when_an_unreachable_server_is_reachable_again(harness: Harness) -> None:
    session_id = await harness.session()
    await harness.sink.stop()
    try:
        learner = harness.person()
        await harness.publish(removed(session_id, learner))
        await harness.until_row(
            "SELECT 1 FROM deliveries WHERE person_id = :id AND channel = 'email' AND last_error <> ''",
            id=learner.person_id,
        )
        assert await harness.delivery_state(learner) == "pending"
        assert (await harness.delivery(learner)).try_count == 0
        # The notification in the application is shown even if the mail server is unreachable.
        found = await learner.inbox.ListNotifications(pb.ListNotificationsRequest())
        assert len(found.notifications) == 1
    finally:
        await harness.sink.start()
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    assert await harness.published(learner.id) == ["delivery.sent"]


async def test_mail_is_sent_when_enrollment_is_available_again(harness: Harness) -> None:
    session_id = await harness.session()
    async with harness.without(harness.enrollment):
        learner = harness.person()
        await harness.publish(removed(session_id, learner))
        await harness.until_row(
            "SELECT 1 FROM deliveries WHERE person_id = :id AND last_error LIKE 'Enrollment%'",
            id=learner.person_id,
        )
        assert harness.sink.mails_to(learner.email) == []
    await harness.mail(learner)


async def test_mail_to_unknown_person_fails(harness: Harness) -> None:
    session_id, learner = await harness.session(), harness.person()
    del harness.enrollment.contacts[learner.id]
    await harness.publish(removed(session_id, learner))
    await harness.until_state(learner, "failed")
    assert await harness.published(learner.id) == ["delivery.failed"]


async def test_mail_to_invalid_address_fails_and_does_not_delay_others(harness: Harness) -> None:
    session_id, wrong, right = await harness.session(), harness.person(), harness.person()
    harness.enrollment.contacts[wrong.id].email = "not an address"
    await harness.publish(removed(session_id, wrong), removed(session_id, right))
    await harness.mail(right)
    await harness.until_state(wrong, "failed")
    assert (await harness.delivery(wrong)).last_error == "the address of this person is not valid"


async def test_mail_is_retried_when_the_server_shuts_down_instead_of_accepting_it(
    harness: Harness,
) -> None:
    session_id = await harness.session()
    learner = learner_with_responses(harness, "MESSAGE", "421 4.3.2 Shutting down")
    await harness.publish(removed(session_id, learner))
    await harness.mail(learner)
    await harness.until_state(learner, "sent")
    assert (await harness.delivery(learner)).try_count == 2


async def test_mail_without_a_response_is_in_doubt_and_not_retried(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        silent, other = harness.person(), harness.person()

        async def disconnect(step: str, recipient: str) -> str | None:
            if step == "MESSAGE" and recipient == silent.email:
                harness.sink.disconnect()
            return None

        harness.sink.step = disconnect
        await isolated.notify(silent)
        await isolated.notify(other)
        while await isolated.send_due():
            pass
        assert await isolated.states() == [("in_doubt", 1), ("sent", 1)]
        assert isolated.metrics.count("notification.mail.delay", outcome="in_doubt") == 1
        assert len(harness.sink.mails_to(other.email)) == 1
        isolated.now += timedelta(days=1)
        assert not await isolated.send_due()
        assert await isolated.states() == [("in_doubt", 1), ("sent", 1)]


@pytest.mark.parametrize(
    "response",
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
    ids=lambda response: repr(response[:12]),
)
async def test_mail_is_not_sent_again_after_an_invalid_response(
    response: str, migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        learner = learner_with_responses(harness, "RESPONSE", response)
        await isolated.notify(learner)
        await isolated.send_due()
        [(state, tries)] = await isolated.states()
        assert (state, tries) == ("sent" if response == "250" else "in_doubt", 1)
        isolated.now += timedelta(days=1)
        assert not await isolated.send_due()
        assert len(harness.sink.mails_to(learner.email)) == 1


@pytest.mark.parametrize("response", ["nonsense", "299 Fine", "nonsense\r\n250 OK"], ids=repr)
async def test_invalid_response_to_the_recipient_defers_the_mail(
    response: str, migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        learner, other = learner_with_responses(harness, "RCPT", response), harness.person()
        await isolated.notify(learner)
        await isolated.notify(other)
        await isolated.send_due()
        assert await isolated.states() == [("pending", 1), ("sent", 1)]
        isolated.now += timedelta(minutes=1)
        await isolated.send_due()
        assert await isolated.states() == [("sent", 2), ("sent", 1)]
        assert [len(harness.sink.mails_to(each.email)) for each in (learner, other)] == [1, 1]


async def test_senders_are_woken_by_the_database_before_the_poll_interval_ends(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        worker = SendingWorker(isolated.listener, isolated.sender, poll_interval=timedelta(hours=1))

        async def run() -> None:
            while True:
                await worker.run()

        task = asyncio.create_task(run())
        try:
            for _ in range(3):
                learner = harness.person()
                await isolated.notify(learner)
                await harness.mail(learner)
        finally:
            await end(task)
            await worker.close()


async def test_several_senders_send_each_mail_once(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        learners = [harness.person() for _ in range(30)]
        for learner in learners:
            await isolated.notify(learner)

        async def drain() -> None:
            while await isolated.send_due():
                pass

        await asyncio.gather(*(drain() for _ in range(4)))
        await drain()
        assert [len(harness.sink.mails_to(each.email)) for each in learners] == [1] * 30


async def test_mail_fails_when_it_is_too_old_to_be_retried(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    policy = SendingPolicy(retry=RetryPolicy(give_up_after=timedelta(days=3)))
    async with isolated_sender(
        harness, migrated_database("proctorium_notification"), policy
    ) as isolated:
        learner = learner_with_responses(harness, "RCPT", *["451 Try later"] * 10)
        await isolated.notify(learner)
        await isolated.send_due()
        assert await isolated.states() == [("pending", 1)]
        isolated.now += timedelta(days=3)
        await isolated.send_due()
        assert await isolated.states() == [("failed", 2)]


async def test_backoff_doubles_after_each_deferral(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    policy = SendingPolicy(retry=RetryPolicy(first=timedelta(seconds=10)))
    async with isolated_sender(
        harness, migrated_database("proctorium_notification"), policy
    ) as isolated:
        learner = learner_with_responses(harness, "RCPT", *["451 Try later"] * 10)
        await isolated.notify(learner)
        for delay in (10, 20, 40):
            await isolated.send_due()
            [(next_try_at,)] = await isolated.rows(
                "SELECT next_try_at FROM deliveries WHERE channel = 'email'"
            )
            assert next_try_at == isolated.now + timedelta(seconds=delay)
            isolated.now += timedelta(seconds=delay - 1)
            assert not await isolated.send_due()
            isolated.now += timedelta(seconds=1)


async def test_sender_with_a_lost_claim_hands_nothing_over(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        learner = harness.person()
        await isolated.notify(learner)

        async def take_over(step: str, recipient: str) -> str | None:
            if step == "RCPT" and recipient == learner.email:
                await isolated.rows("UPDATE deliveries SET lease_token = gen_random_uuid()")
            return None

        harness.sink.step = take_over
        await isolated.send_due()
        assert harness.sink.mails_to(learner.email) == []
        assert await isolated.states() == [("pending", 0)]


async def test_sender_with_a_lost_lock_loses_its_claims_and_continues(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        learner, terminated = harness.person(), asyncio.Event()
        await isolated.notify(learner)

        async def terminate_lock(step: str, recipient: str) -> str | None:
            if step == "RCPT" and recipient == learner.email and not terminated.is_set():
                terminated.set()
                await isolated.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                await until(lock_is_released)
                await isolated.rows(
                    "UPDATE deliveries SET leased_until = now() - interval '1 second'"
                )
            return None

        async def lock_is_released() -> bool:
            return not await isolated.rows(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )

        harness.sink.step = terminate_lock
        await isolated.send_due()
        assert harness.sink.mails_to(learner.email) == []
        isolated.now += timedelta(seconds=1)
        await isolated.send_due()
        assert len(harness.sink.mails_to(learner.email)) == 1
        assert await isolated.states() == [("sent", 1)]


async def test_messages_of_the_largest_session_are_inserted_in_one_transaction(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        await isolated.notify_ids([new_id() for _ in range(5000)])
        assert await isolated.rows("SELECT count(*) FROM deliveries") == [(10_000,)]


async def test_database_allows_only_the_transitions_of_the_machine(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    sent_at = {state: "now()" if state is DeliveryState.SENT else "NULL" for state in DeliveryState}
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:

        async def allows(origin: DeliveryState, target: DeliveryState) -> bool:
            [[delivery_id]] = await isolated.rows(
                "INSERT INTO deliveries (delivery_id, person_id, event_id, topic, channel, state, sent_at,"
                " lease_token, created_at, next_try_at) VALUES (uuidv7(), uuidv7(), uuidv7(), 'account_enabled',"
                f" 'email', '{origin}', {sent_at[origin]}, uuidv7(), now(), now()) RETURNING delivery_id"
            )
            try:
                await isolated.rows(
                    f"UPDATE deliveries SET state = '{target}', sent_at = {sent_at[target]}"
                    f" WHERE delivery_id = '{delivery_id}'"
                )
            except IntegrityError:
                return False
            return True

        await check_trigger(DELIVERY_STATES, allows)


async def test_unsent_deliveries_are_counted_by_state(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        backlog = Backlog(isolated.database, isolated.sender.destinations.slow)
        assert list(backlog.by_state()) == []
        await isolated.notify(harness.person())
        await backlog.run()
        counted = {(each.attributes or {})["state"]: each.value for each in backlog.by_state()}
        assert counted == {"pending": 1, "sending": 0, "failed": 0, "in_doubt": 0}
