"""`make chaos`: kill components at random times during exams, and check answers, deadlines and mails.

Each round runs its own session with two learners and kills one component. While the learners answer, the proctor pauses
the session, one learner takes a break, and the proctor disconnects, so that a colleague takes the session. The seed
of the round determines the time of the kill, and is printed before the round starts. `make chaos ROUNDS=12` sets the
number of rounds; the default is 50. `--seed S` repeats the run that printed the seed S. The exit code is 0 only if no
acknowledged answer was lost, no mail was sent twice, and every deadline is later by exactly the pause and the break.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg

from e2e.clients import LearnerClient, ProctorClient, canonical, correct_answer
from e2e.mailbox import Mail, Mailbox
from e2e.retrying import RetryingChannel
from e2e.scenario import Scenario, create_scenario
from e2e.supervising import (
    create_colleague,
    find_uncovered,
    pause_all,
    resume_all,
    return_from_break,
    start_break,
    take_session,
    until_clock,
)
from proctorium.assessment.v1.attempts_pb2 import (
    CLOCK_STATE_PAUSED,
    CLOCK_STATE_STOPPED,
    Attempt,
)
from proctorium.assessment.v1.items_pb2 import Answer
from proctorium.notification.v1.notifications_pb2 import (
    CHANNEL_EMAIL,
    DELIVERY_STATE_IN_DOUBT,
    DELIVERY_STATE_SENT,
    ListDeliveriesRequest,
)
from proctorium.session.v1.sessions_pb2 import BreakPolicy
from proctorium_common.errors import ServiceError
from proctorium_devstack import demo_data
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack

VICTIMS = (
    "assessment",
    "postgres",
    "session",
    "nats",
    "notification",
    "edge",
    "enrollment",
    "identity",
    "mailbox",
    "portal",
    "traces",
)
_SUBJECTS = ("code", "verified", "result", "certificate", "over")
_CHANGES = 60
_SAVE_INTERVAL_SECONDS = 0.1
# A component is killed in this time after the start of the round. On an idle machine, a session takes a little longer.
_SESSION_SECONDS = 12.0
_UNCOVERED_AFTER = timedelta(seconds=3)
_BREAK = timedelta(minutes=1)


class CheckFailedError(Exception):
    """An answer was lost, a mail was sent twice, or a result or a deadline was wrong."""


@dataclass(frozen=True)
class Round:
    """The result of one round; durations are in seconds."""

    victim: str
    kill_after: float
    duration: float
    acknowledged: int
    mails: int
    in_doubt: int


async def run_round(stack: Stack, victim: str, seed: int) -> Round:
    """Kill the component `victim` during a session; return the result. Raises CheckFailedError if a check fails."""
    start = time.monotonic()
    kill_after = random.Random(seed).uniform(0.0, _SESSION_SECONDS)
    scenario = await create_scenario(
        stack.address("edge"),
        learner_channels=(RetryingChannel, RetryingChannel),
        staff_channel=RetryingChannel,
        uncovered_after=_UNCOVERED_AFTER,
        break_policy=_break_policy(),
    )
    killing = asyncio.create_task(_kill(stack, victim, kill_after))
    learners = [LearnerClient(learner, scenario) for learner in scenario.learners]
    proctor = ProctorClient(scenario)
    try:
        answers = await _session(proctor, learners)
        await killing
        await stack.ready(victim)
        acknowledged = await _check_answers(stack, answers)
        mails, in_doubt = await _check_mails(stack, scenario)
    finally:
        await killing
        await proctor.close()
        for learner in learners:
            await learner.close()
        await scenario.close()
    return Round(victim, kill_after, time.monotonic() - start, acknowledged, mails, in_doubt)


async def _kill(stack: Stack, victim: str, kill_after: float) -> None:
    await asyncio.sleep(kill_after)
    await stack.kill(victim)


def _break_policy() -> BreakPolicy:
    policy = BreakPolicy(count=1, clock_stops=True)
    policy.length.FromTimedelta(_BREAK)
    return policy


Saved = dict[tuple[str, int], bytes]


async def _session(proctor: ProctorClient, learners: list[LearnerClient]) -> Saved:
    """Run the session; return the encoded acknowledged answers by attempt id and sequence number."""
    proctor.watch()
    for learner in learners:
        await learner.join()
    for learner in learners:
        await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await proctor.authorize(*learners)
    attempts = [await learner.start() for learner in learners]
    saved: Saved = {}
    await asyncio.gather(
        _supervise(proctor, learners, attempts),
        *map(_save_answers, learners, attempts, [saved] * len(learners)),
    )
    for learner in learners:
        await learner.submit()
    await proctor.end()
    for learner in learners:
        result = await learner.wait_for_result()
        if result.points != result.points_possible:
            raise CheckFailedError(f"{result.points} of {result.points_possible} points")
        await learner.wait_for_certificate()
    return saved


async def _save_answers(learner: LearnerClient, attempt: Attempt, saved: Saved) -> None:
    """Save _CHANGES correct answers, and add the acknowledged answers to `saved`."""
    for number in range(_CHANGES):
        item = attempt.items[number % len(attempt.items)]
        answer = correct_answer(item)
        receipt = await learner.save(item, answer)
        for sequence in receipt.sequences:
            saved[learner.attempt_id, sequence] = canonical(answer)
        await asyncio.sleep(_SAVE_INTERVAL_SECONDS)


async def _supervise(
    proctor: ProctorClient, learners: list[LearnerClient], attempts: list[Attempt]
) -> None:
    """Pause and resume the session, let the first learner take a break, and let a colleague take the session.

    Raises CheckFailedError if a deadline is not later by exactly the pause and the learner's break.
    """
    stopped = [await _pause(proctor, learners)] * len(learners)
    stopped[0] += await _take_break(learners[0], proctor)
    for learner, attempt, duration in zip(learners, attempts, stopped, strict=True):
        await _check_deadline(learner, attempt.deadline_time.ToDatetime() + duration)
    await _take_over(proctor)


async def _pause(proctor: ProctorClient, learners: list[LearnerClient]) -> timedelta:
    """Pause the session, wait until all clocks are paused, and resume; return the length of the pause."""
    await pause_all(proctor, "The fire alarm rang.")
    for learner in learners:
        await until_clock(learner, CLOCK_STATE_PAUSED)
    await resume_all(proctor)
    paused, resumed = [
        (await proctor.last_entry(event)).time.ToDatetime()
        for event in ("session.paused", "session.resumed")
    ]
    return resumed - paused


async def _take_break(learner: LearnerClient, proctor: ProctorClient) -> timedelta:
    """Let the learner take a break until the clock is stopped; return the length of the break."""
    break_id = await start_break(learner, proctor, _BREAK)
    await until_clock(learner, CLOCK_STATE_STOPPED)
    returned = await return_from_break(learner, break_id)
    return returned.close_time.ToDatetime() - returned.start_time.ToDatetime()


async def _check_deadline(learner: LearnerClient, expected: datetime) -> None:
    """Wait until the clock runs and the deadline is `expected`. Raises CheckFailedError if it is another time."""
    found = None

    async def as_expected() -> bool | None:
        nonlocal found
        found = (await learner.read_attempt()).deadline_time.ToDatetime()
        return found == expected or None

    try:
        await eventually(as_expected, "the deadline")
    except TimeoutError as error:
        raise CheckFailedError(f"the deadline is {found} instead of {expected}") from error


async def _take_over(proctor: ProctorClient) -> None:
    """Disconnect the proctor, and let a colleague who is not in the plan take the session."""
    scenario = proctor.scenario
    colleague = await create_colleague(scenario, RetryingChannel)
    await proctor.close()
    await proctor.proctor.close()
    scenario.proctor = colleague
    await take_session(colleague, await find_uncovered(colleague, scenario.session_id))
    proctor.watch()


async def _check_answers(stack: Stack, saved: Saved) -> int:
    """Check that the database contains every acknowledged answer unchanged; return the number of these answers."""
    connection = await asyncpg.connect(stack.database_url("assessment"))
    try:
        rows = await connection.fetch(
            "SELECT attempt_id::text, sequence, answer FROM answer_revisions WHERE attempt_id = ANY($1::uuid[])",
            list({attempt_id for attempt_id, _ in saved}),
        )
    finally:
        await connection.close()
    stored = {
        (row["attempt_id"], row["sequence"]): canonical(Answer.FromString(row["answer"]))
        for row in rows
    }
    lost = [key for key, answer in saved.items() if stored.get(key) != answer]
    if lost:
        raise CheckFailedError(f"{len(lost)} acknowledged answers are lost, such as {lost[0]}")
    return len(saved)


async def _check_mails(stack: Stack, scenario: Scenario) -> tuple[int, int]:
    """Check that no mail was lost or sent twice; return the numbers of received mails and of mails in doubt."""
    mailbox = Mailbox(stack.url("mailbox"))
    count = total_in_doubt = 0
    for learner in scenario.learners:
        mails, in_doubt = await eventually(
            partial(_all_sent, mailbox, scenario, learner), "all mails to be sent or in doubt", 60
        )
        subjects = Counter(mail.subject for mail in mails)
        duplicates = [subject for subject, times in subjects.items() if times > 1]
        # A mail is in doubt if its sender was killed during the SMTP exchange. Such a mail may or may not have been
        # received.
        missing = len(_SUBJECTS) - len(subjects)
        if duplicates or missing > in_doubt:
            raise CheckFailedError(
                f"mails were duplicated or missing: {dict(subjects)}, {in_doubt} in doubt"
            )
        count += len(mails)
        total_in_doubt += in_doubt
    await mailbox.close()
    return count, total_in_doubt


async def _all_sent(
    mailbox: Mailbox, scenario: Scenario, learner: Person
) -> tuple[list[Mail], int] | None:
    request = ListDeliveriesRequest(person_id=learner.person_id, page_size=200)
    listed = (await scenario.administrator.deliveries.ListDeliveries(request)).deliveries
    states = Counter(one.state for one in listed if one.channel == CHANNEL_EMAIL)
    in_doubt = states[DELIVERY_STATE_IN_DOUBT]
    if states[DELIVERY_STATE_SENT] + in_doubt < len(_SUBJECTS):
        return None
    return await mailbox.mails_to(learner.email), in_doubt


async def run(rounds: int, seed: int) -> int:
    """Run the rounds and print their results; return the exit code."""
    print(f"{rounds} rounds, seed {seed}", flush=True)
    failures = 0
    folder = Path(tempfile.mkdtemp(prefix="proctorium-chaos-"))
    async with Stack.running(folder, ports=PortPlan.free()) as stack:
        await demo_data.load(stack)
        for number in range(rounds):
            victim = VICTIMS[number % len(VICTIMS)]
            failures += not await _report_round(stack, number, victim, seed + number)
    print(f"{rounds - failures} rounds passed, {failures} failed")
    if failures:
        print(f"logs of all components: {folder}/logs")
    else:
        shutil.rmtree(folder)
    return 1 if failures else 0


async def _report_round(stack: Stack, number: int, victim: str, seed: int) -> bool:
    print(f"round {number + 1:3}  seed {seed}  kill {victim:13}", end="", flush=True)
    try:
        result = await run_round(stack, victim, seed)
    except (CheckFailedError, ServiceError, TimeoutError, AssertionError) as failure:
        print(f"  FAILED: {type(failure).__name__}: {failure}", flush=True)
        return False
    print(
        f"  after {result.kill_after:4.1f} s: {result.acknowledged} acknowledged answers stored, "
        f"{result.mails} mails once each, {result.in_doubt} in doubt ({result.duration:.1f} s)",
        flush=True,
    )
    return True


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one round")
    return number


def main() -> int:
    """Parse the command line and run the rounds; return the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=_positive, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    return asyncio.run(run(arguments.rounds, arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
