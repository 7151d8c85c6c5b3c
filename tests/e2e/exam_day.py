"""A day in the exam room: the story of `make demo`, step by step.

Three learners take an assessment. Lena has 25 % extra time, Omar's laptop breaks, and Mei falls ill. A fire alarm
rings, and the proctor vanishes, so that a colleague who was not in the plan takes over. Each step checks that no
learner loses an answer or time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from e2e.clients import LearnerClient, Log, ProctorClient, correct_answer, no_log
from e2e.mailbox import Mailbox
from e2e.scenario import MakeChannel, Scenario, create_scenario
from e2e.supervising import (
    create_colleague,
    find_uncovered,
    pause_all,
    resume_all,
    take_session,
    until_clock,
)
from proctorium.assessment.v1.attempts_pb2 import CLOCK_STATE_PAUSED, Attempt
from proctorium.enrollment.v1.accommodations_pb2 import (
    Accommodations,
    UpdateAccommodationsRequest,
)
from proctorium.session.events.v1.events_pb2 import (
    ParticipantConnected,
    ParticipantDisconnected,
)
from proctorium.session.v1.lobby_pb2 import Participant
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_CLOSING,
    SESSION_STATE_ENDED,
    SESSION_STATE_IN_PROGRESS,
    DisconnectPolicy,
)
from proctorium.session.v1.supervision_pb2 import (
    EndForParticipantsRequest,
    GrantExtraTimeRequest,
    ReadmitParticipantsRequest,
    RemoveParticipantsRequest,
    WatchRosterResponse,
)
from proctorium_common.ids import new_id
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.people import Person, sign_in
from proctorium_devstack.demo.waiting import eventually

EXTRA_TIME_PERCENT = 25
ALARM = timedelta(seconds=3)
EXTRA_SECONDS = 120
COUNTDOWN = timedelta(seconds=3)
RETURNED_LIMIT = timedelta(minutes=5)
_FIRE = "The fire alarm rang. Leave everything and go outside."
_ILL = "You are not well. Please wait in the next room."
_NOISE = "There was noise in the corridor."
_GO_HOME = "You are too ill to continue."


class CheckFailedError(Exception):
    """A check of the demo failed."""


def check(condition: bool, statement: str) -> None:
    """Raise CheckFailedError with the text `statement` if `condition` is false."""
    if not condition:
        raise CheckFailedError(statement)


@dataclass
class ExamDay:
    """The people of the day, and their session.

    `proctor` supervises the session: at first the proctor of the plan, and later the colleague.
    """

    scenario: Scenario
    proctor: ProctorClient
    colleague: Person
    lena: LearnerClient
    omar: LearnerClient
    mei: LearnerClient
    log: Log

    @property
    def learners(self) -> Sequence[LearnerClient]:
        """The learners of the session."""
        return (self.lena, self.omar, self.mei)

    async def close_streams(self) -> None:
        """Close the streams of the proctor and of the learners."""
        await self.proctor.close()
        for learner in self.learners:
            await learner.close()


async def plan_day(
    edge: str,
    channels: tuple[MakeChannel, ...] = (EdgeChannel,) * 3,
    log: Log = no_log,
    *,
    countdown: timedelta = COUNTDOWN,
) -> ExamDay:
    """Create the people and the session, and store extra time in Lena's accommodations; return the day."""
    scenario = await create_scenario(
        edge,
        learner_channels=channels,
        named_after_run=True,
        uncovered_after=ALARM,
        closing_countdown=countdown,
        disconnect_policy=DisconnectPolicy(
            returned_limit=Duration(seconds=int(RETURNED_LIMIT.total_seconds()))
        ),
    )
    log(f"session {scenario.session_id}, enrollment code {scenario.code}")
    lena, omar, mei = (LearnerClient(learner, scenario, log) for learner in scenario.learners)
    await scenario.administrator.accommodations.UpdateAccommodations(
        UpdateAccommodationsRequest(
            request_id=str(new_id()),
            accommodations=Accommodations(
                person_id=lena.learner.person_id, extra_time_percent=EXTRA_TIME_PERCENT
            ),
        )
    )
    log(f"{lena.learner.name} has {EXTRA_TIME_PERCENT} % extra time in every assessment")
    proctor = ProctorClient(scenario, log)
    return ExamDay(scenario, proctor, await create_colleague(scenario), lena, omar, mei, log)


async def fill_lobby(day: ExamDay) -> None:
    """Let the learners join and send their evidence, and let the proctor verify their identity."""
    day.proctor.watch()
    for learner in day.learners:
        await learner.join()
        await day.proctor.verify(await learner.send_evidence())


async def start_exam(day: ExamDay) -> None:
    """Start the session, authorise the assessment, and let the learners start; check Lena's extra time."""
    await day.proctor.start()
    for learner in day.learners:
        await learner.be_in_session()
    await day.proctor.authorize(*day.learners)
    lena, omar, _ = [await learner.start() for learner in day.learners]
    planned, extended = (attempt.time_limit.ToTimedelta() for attempt in (omar, lena))
    check(
        extended == planned * (100 + EXTRA_TIME_PERCENT) / 100,
        f"{planned} with {EXTRA_TIME_PERCENT} % extra time is {extended}",
    )
    day.log(f"{day.omar.learner.name} has {planned}, {day.lena.learner.name} has {extended}")


async def fire_alarm(day: ExamDay) -> None:
    """Pause the whole session and resume it; check that an answer is saved during the pause and no time is lost."""
    before = [await learner.read_attempt() for learner in day.learners]
    await pause_all(day.proctor, _FIRE)
    day.log(f"{day.proctor.proctor.name} paused the whole session: “{_FIRE}”")
    for learner in day.learners:
        await until_clock(learner, CLOCK_STATE_PAUSED)
    check(not (await day.lena.read_attempt()).items, "questions are hidden during a pause")
    day.log("all clocks are stopped, and the questions are hidden")
    await day.lena.save(before[0].items[0], correct_answer(before[0].items[0]))
    day.log(f"the answer that {day.lena.learner.name} typed before the alarm is saved")
    await resume_all(day.proctor)
    paused, resumed = [
        (await day.proctor.last_entry(event)).time.ToDatetime()
        for event in ("session.paused", "session.resumed")
    ]
    for learner, attempt in zip(day.learners, before, strict=True):
        await _check_deadline(learner, attempt, resumed - paused)
    day.log(f"the session continues; every deadline is later by exactly {resumed - paused}")


async def _check_deadline(learner: LearnerClient, before: Attempt, later: timedelta) -> None:
    """Wait until the learner's deadline has moved, and check that it is later by exactly `later`."""
    assert learner.exam is not None
    old = before.deadline_time.ToDatetime()
    await learner.exam.until(
        lambda view: view.attempt.deadline_time.ToDatetime() == old + later, "the later deadline"
    )
    new = (await learner.read_attempt()).deadline_time.ToDatetime()
    check(new - old == later, f"the deadline of {learner.learner.name} is later by {new - old}")


async def broken_laptop(day: ExamDay) -> None:
    """Let Omar continue on another device; check that the answers are the same there, and the outage is given back."""
    omar = day.omar
    attempt = await omar.read_attempt()
    await omar.save(attempt.items[0], correct_answer(attempt.items[0]))
    saved = await omar.read_attempt()
    roster = day.proctor.roster
    assert roster is not None
    received = len(roster.received)
    await omar.close()
    await omar.learner.close()
    day.log(f"the laptop of {omar.learner.name} breaks")
    # Earlier messages show that Omar was not connected before he opened the lobby.
    lost = _shows_lost(omar.participant_id)
    await roster.until(lost, "the lost connection", after=received)
    day.log(f"{day.proctor.proctor.name} sees that {omar.learner.name} is offline")
    person = await sign_in(day.scenario.edge, omar.learner.email, omar.learner.password)
    day.scenario.learners[1] = person
    day.omar = LearnerClient(person, day.scenario, day.log)
    await day.omar.rejoin()
    found = await day.omar.open_exam()
    check(
        (list(found.answers), found.last_sequence) == (list(saved.answers), saved.last_sequence),
        "the other device has the same answers",
    )
    day.log(f"{person.name} continues on another device, with the same answers")
    outage = await _last_outage(day)
    await _check_deadline(day.omar, saved, outage)
    returned = (await day.omar.read_attempt()).returned_time.ToTimedelta()
    check(returned == outage, "the outage is given back")
    day.log(f"the connection was lost for {outage}; this time is given back")


async def _last_outage(day: ExamDay) -> timedelta:
    """Wait until the last outage of a learner is over; return its length."""

    async def ended() -> timedelta | None:
        lost, returned = [
            await day.proctor.last_entry(f"participant.{each}")
            for each in ("disconnected", "connected")
        ]
        start = ParticipantDisconnected.FromString(lost.body)
        end = ParticipantConnected.FromString(returned.body)
        if start.outage_id != end.outage_id:
            return None
        return end.outage_end_time.ToDatetime() - start.outage_start_time.ToDatetime()

    return await eventually(ended, "the end of the outage")


def _shows_lost(participant_id: str) -> Callable[[WatchRosterResponse], bool]:
    def lost(participant: Participant) -> bool:
        return participant.participant_id == participant_id and not participant.connected

    def shows(view: WatchRosterResponse) -> bool:
        return lost(view.participant)

    return shows


async def take_over(day: ExamDay, mailbox: Mailbox) -> None:
    """Let the proctor vanish, and let a colleague who is not in the plan take over."""
    old, colleague = day.proctor, day.colleague
    await old.close()
    await old.proctor.close()
    day.log(f"the browser of {old.proctor.name} crashes")

    alarm = await find_uncovered(colleague, day.scenario.session_id)

    async def alarm_mail() -> bool | None:
        mails = await mailbox.mails_to(seed.ADMINISTRATOR.email)
        return (
            any(alarm.title in mail.text and "No proctor" in mail.subject for mail in mails) or None
        )

    await eventually(alarm_mail, "the mail about the uncovered session")
    day.log(f"after {ALARM.seconds} s without a proctor, every administrator is notified")
    await take_session(colleague, alarm)
    day.scenario.proctor = colleague
    day.proctor = ProctorClient(day.scenario, day.log)
    day.proctor.watch()
    day.log(f"{colleague.name}, who was not in the plan, takes over")


async def grant_extra_time(day: ExamDay) -> None:
    """Grant Lena EXTRA_SECONDS of extra time."""
    await day.proctor.proctor.supervision.GrantExtraTime(
        GrantExtraTimeRequest(
            request_id=str(new_id()),
            session_id=day.scenario.session_id,
            participant_ids=[day.lena.participant_id],
            amount=Duration(seconds=EXTRA_SECONDS),
            extra_time_reason=_NOISE,
        )
    )
    day.log(f"{day.proctor.proctor.name} grants Lena {EXTRA_SECONDS} s: “{_NOISE}”")


async def extra_time_applied(day: ExamDay) -> None:
    """Wait until Lena's attempt has the extra time."""
    assert day.lena.exam is not None
    await day.lena.exam.until(
        lambda view: view.attempt.extra_time.seconds == EXTRA_SECONDS, "the extra time"
    )


async def illness(day: ExamDay) -> None:
    """Remove Mei, readmit her, and end the session for her; check that she loses neither time nor an answer."""
    supervision, session_id, mei = day.proctor.proctor.supervision, day.scenario.session_id, day.mei
    before = await mei.read_attempt()
    await mei.save(before.items[0], correct_answer(before.items[0]))
    await supervision.RemoveParticipants(
        RemoveParticipantsRequest(
            request_id=str(new_id()),
            session_id=session_id,
            participant_ids=[mei.participant_id],
            removal_reason=_ILL,
        )
    )
    day.log(f"{mei.learner.name} falls ill. {day.proctor.proctor.name} removes her: “{_ILL}”")
    await until_clock(mei, CLOCK_STATE_PAUSED)
    check(not (await mei.read_attempt()).items, "questions are hidden from a removed learner")
    await supervision.ReadmitParticipants(
        ReadmitParticipantsRequest(
            request_id=str(new_id()), session_id=session_id, participant_ids=[mei.participant_id]
        )
    )
    removed, readmitted = [
        (await day.proctor.last_entry(event)).time.ToDatetime()
        for event in ("participant.removed", "participant.readmitted")
    ]
    await _check_deadline(mei, before, readmitted - removed)
    day.log(
        f"{mei.learner.name} feels better and is readmitted; her clock was stopped in the meantime"
    )
    await supervision.EndForParticipants(
        EndForParticipantsRequest(
            request_id=str(new_id()),
            session_id=session_id,
            participant_ids=[mei.participant_id],
            end_reason=_GO_HOME,
        )
    )
    assert mei.exam is not None
    await mei.exam.until(lambda view: view.attempt.HasField("submit_time"), "the submission")
    check((await mei.read_attempt()).answered_count == 1, "the saved answer is submitted")
    day.log("she cannot continue: the session ends for her alone, and her answer is submitted")


async def end_day(day: ExamDay) -> None:
    """Let Lena and Omar submit; end the session with a countdown, which is cancelled once."""
    for learner in (day.lena, day.omar):
        await learner.answer_all(await learner.read_attempt())
        await learner.submit()
    closing = await day.proctor.end()
    check(closing.state == SESSION_STATE_CLOSING, "the session closes with a countdown")
    day.log(f"everybody sees a countdown of {COUNTDOWN.seconds} s; a learner asks for a moment")
    continued = await day.proctor.cancel_closing()
    check(continued.state == SESSION_STATE_IN_PROGRESS, "a cancelled end changes nothing")
    await day.proctor.end()
    assert day.lena.lobby is not None
    await day.lena.lobby.until(
        lambda view: view.session.state == SESSION_STATE_ENDED, "the end of the session"
    )
    day.log("the countdown is over: the session has ended for everybody")
    for learner in (day.lena, day.omar):
        result = await learner.wait_for_result()
        check(result.passed and result.points == result.points_possible, "correct answers pass")
        await learner.wait_for_certificate()
    result = await day.mei.wait_for_result()
    check(0 < result.points < result.points_possible, "the saved answer of Mei is scored")
