"""Create sessions with their own people, course, assessment and code, so that tests on one stack are independent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from proctorium.options.v1.options_pb2 import ROLE_LEARNER, ROLE_PROCTOR
from proctorium.session.v1.sessions_pb2 import (
    IDENTITY_POLICY_BEFORE_ASSESSMENT,
    LATE_ENTRY_UNTIL,
    BreakPolicy,
    DisconnectPolicy,
    IdentityPolicy,
    LateEntry,
)
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.edge import Channel, EdgeChannel
from proctorium_devstack.demo.people import Person, SignIn, sign_in

MakeChannel = Callable[[str, str | None], Channel]
_NAMES = ("Lena Fischer", "Omar Haddad", "Mei Tanaka", "Ada Obi", "Jonas Weber", "Priya Nair")


@dataclass
class Scenario:
    """A scheduled session, with its people, course, assessment and code. No learner has joined the session yet."""

    edge: str
    administrator: Person
    proctor: Person
    learners: list[Person]
    course_id: str
    assessment_id: str
    session_id: str
    code: str

    async def close(self) -> None:
        """Close all connections."""
        for person in (self.administrator, self.proctor, *self.learners):
            await person.close()


async def create_scenario(
    edge: str,
    *,
    learner_channels: tuple[MakeChannel, ...] = (EdgeChannel, EdgeChannel),
    staff_channel: MakeChannel = EdgeChannel,
    starts_in: timedelta = timedelta(minutes=10),
    capacity: int = 30,
    further_assessments: Sequence[str] = (),
    late_entry: LateEntry.ValueType = LATE_ENTRY_UNTIL,
    identity_policy: IdentityPolicy.ValueType = IDENTITY_POLICY_BEFORE_ASSESSMENT,
    named_after_run: bool = False,
    uncovered_after: timedelta = timedelta(seconds=30),
    closing_countdown: timedelta = timedelta(),
    reopen_window: timedelta = timedelta(),
    break_policy: BreakPolicy | None = None,
    disconnect_policy: DisconnectPolicy | None = None,
) -> Scenario:
    """Register a proctor and one learner per channel, schedule their session, and return the scenario.

    `edge` is the `host:port` of the edge. The session has one assessment, and one more assessment for each title in
    `further_assessments`. If `named_after_run` is true, the names of the people and of the course contain a random
    text, so that each call creates different names.
    """
    run = secrets.token_hex(4)
    surname = f" {run[:4].upper()}" if named_after_run else ""
    title = f"{seed.COURSE_TITLE}{surname}"
    administrator = await sign_in(
        edge, seed.ADMINISTRATOR.email, seed.ADMINISTRATOR.password, staff_channel
    )
    proctor = await register_person(
        administrator,
        edge,
        f"Piotr Nowak{surname}",
        f"piotr.{run}",
        is_proctor=True,
        channel=staff_channel,
    )
    await seed.certify(administrator, proctor.person_id)
    assessment_id = await seed.create_assessment(administrator, title, run)
    further = {
        each: await seed.create_assessment(administrator, each, f"{run} {each}")
        for each in further_assessments
    }
    course_id = await seed.create_course(administrator, assessment_id, run, title, further=further)
    learners = []
    for number, channel in enumerate(learner_channels):
        name = _NAMES[number % len(_NAMES)]
        handle = f"{name.split()[0].lower()}{number}.{run}"
        learner = await register_person(
            administrator, edge, f"{name}{surname}", handle, channel=channel
        )
        await seed.register(administrator, learner.person_id, course_id)
        learners.append(learner)
    plan = seed.plan(
        course_id,
        assessment_id,
        [proctor.person_id],
        [learner.person_id for learner in learners[:capacity]],
        title=title,
        starts_in=starts_in,
        capacity=capacity,
        late_entry=late_entry,
        uncovered_after=uncovered_after,
        closing_countdown=closing_countdown,
        reopen_window=reopen_window,
    )
    plan.assessment_ids.extend(further.values())
    plan.identity_policy = identity_policy
    if break_policy is not None:
        plan.break_policy.CopyFrom(break_policy)
    if disconnect_policy is not None:
        plan.disconnect_policy.CopyFrom(disconnect_policy)
    session = await seed.schedule(administrator, plan)
    code = await seed.code_of(proctor, session.session_id)
    return Scenario(
        edge,
        administrator,
        proctor,
        learners,
        course_id,
        assessment_id,
        session.session_id,
        code,
    )


async def register_person(
    administrator: Person,
    edge: str,
    name: str,
    handle: str,
    *,
    is_proctor: bool = False,
    channel: MakeChannel = EdgeChannel,
) -> Person:
    """Register a person and sign the person in; return the person."""
    who = SignIn(
        "proctor" if is_proctor else "learner",
        name,
        f"{handle}@example.org",
        secrets.token_urlsafe(12),
    )
    role = ROLE_PROCTOR if is_proctor else ROLE_LEARNER
    await seed.ensure_person(administrator, who, [role])
    return await sign_in(edge, who.email, who.password, channel)
