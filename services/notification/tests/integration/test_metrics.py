"""Tests of the metrics of mails."""

from __future__ import annotations

from datetime import timedelta

from proctorium_devstack.testing import MigratedDatabase

from .harness import Harness
from .isolated_sender import isolated_sender
from .test_sending import responding

DELAY = "notification.mail.delay"


async def test_delay_of_a_mail_is_recorded_with_its_outcome(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    learner, rejected = harness.person(), harness.person()
    harness.sink.step = responding("RCPT", rejected.email, "550 5.1.1 no such user here")
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        await isolated.notify(learner, rejected)
        isolated.now += timedelta(seconds=40)
        await isolated.send_due()
        assert sorted(await isolated.states()) == [("failed", 1), ("sent", 1)]
        [sent] = isolated.metrics.points(DELAY, outcome="sent")
        assert (sent.count, sent.sum) == (1, 40.0)
        assert isolated.metrics.count(DELAY, outcome="failed") == 1


async def test_deferred_mail_has_no_outcome_yet(
    migrated_database: MigratedDatabase, harness: Harness
) -> None:
    learner = harness.person()
    harness.sink.step = responding("RCPT", learner.email, "451 4.7.1 Greylisted")
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        await isolated.notify(learner)
        await isolated.send_due()
        assert isolated.metrics.points(DELAY) == []
