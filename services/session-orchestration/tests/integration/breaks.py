"""Helpers for the tests of breaks: the policy of a plan, and the calls of learners and proctors."""

from __future__ import annotations

from datetime import timedelta

from proctorium.session.v1 import breaks_pb2 as pb
from proctorium.session.v1 import lobby_pb2, sessions_pb2

from .harness import Person, roster
from .test_conversations import Scene

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def policy(
    count: int = 2,
    length: timedelta = 10 * MINUTE,
    total: timedelta | None = None,
    *,
    clock_stops: bool = True,
) -> sessions_pb2.BreakPolicy:
    made = sessions_pb2.BreakPolicy(count=count, clock_stops=clock_stops)
    if length:
        made.length.FromTimedelta(length)
    if total is not None:
        made.total.FromTimedelta(total)
    return made


async def request(person: Person, scene: Scene, request_id: str = "") -> pb.Break:
    made = pb.RequestBreakRequest(request_id=request_id, session_id=scene.session_id)
    return (await person.breaks.RequestBreak(made)).requested_break


def grant_of(taken: pb.Break, length: timedelta = 5 * MINUTE) -> pb.DecideBreakRequest:
    made = pb.DecideBreakRequest(break_id=taken.break_id)
    made.grant.length.FromTimedelta(length)
    return made


def refusal_of(
    taken: pb.Break, reason: str = "Only ten minutes are left."
) -> pb.DecideBreakRequest:
    refused = pb.RefuseBreak(refusal_reason=reason)
    return pb.DecideBreakRequest(break_id=taken.break_id, refuse=refused)


async def decide(person: Person, made: pb.DecideBreakRequest) -> pb.Break:
    return (await person.breaks.DecideBreak(made)).decided_break


async def begin(person: Person, taken: pb.Break) -> pb.Break:
    made = pb.StartBreakRequest(break_id=taken.break_id)
    return (await person.breaks.StartBreak(made)).started_break


async def come_back(person: Person, taken: pb.Break) -> pb.Break:
    made = pb.ReturnFromBreakRequest(break_id=taken.break_id)
    return (await person.breaks.ReturnFromBreak(made)).returned_break


async def cancel(person: Person, taken: pb.Break) -> pb.Break:
    made = pb.CancelBreakRequestRequest(break_id=taken.break_id)
    return (await person.breaks.CancelBreakRequest(made)).cancelled_break


async def started(scene: Scene, length: timedelta = 5 * MINUTE) -> pb.Break:
    requested = await request(scene.learner, scene)
    return await begin(scene.learner, await decide(scene.proctor, grant_of(requested, length)))


async def listed(person: Person, scene: Scene, *, open_only: bool = False) -> list[pb.Break]:
    """Return the breaks of the session, read in pages of one."""
    found: list[pb.Break] = []
    token = ""
    while True:
        page = await person.breaks.ListBreaks(
            pb.ListBreaksRequest(
                session_id=scene.session_id, open_only=open_only, page_size=1, page_token=token
            )
        )
        found += page.breaks
        token = page.next_page_token
        if not token:
            return found


async def shown(scene: Scene) -> lobby_pb2.Participant:
    """Return the first learner as the roster shows them."""
    participants = (await roster(scene.proctor, scene.session_id)).participants
    return next(each for each in participants if each.participant_id == scene.participant_id)
