"""`make demo`: one proctored session line by line, with crashes in the middle of an exam, and its trace as a tree.

It uses the stack that `make up` runs, or starts one of its own. It exits 0 only if everything held.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from opentelemetry.sdk.trace.export import SpanExporter

from e2e.grpc_web import WebChannel
from e2e.mailbox import Mailbox
from e2e.stage import Stage, set_stage
from e2e.story import LearnerStory, ProctorStory, right_answer
from e2e.traces import Traces, TraceSpan, essence, lines_of
from proctorium.assessment.v1.attempts_pb2 import GetAttemptRequest
from proctorium.assessment.v1.items_pb2 import Answer, Item
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.telemetry.export import SpansOverHttp
from proctorium_common.telemetry.traces import (
    Tracing,
    current_trace_id,
    span,
    use_tracing,
)
from proctorium_devstack import demo_data
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import NotRunningError, RunningStack, Stack
from proctorium_devstack.testing.refusals import refusal

SERVICES = ("enrollment", "session", "assessment", "identity", "notification")
_CHANGES = 240
_CRASH_AFTER = 60
_SLOWEST_SECONDS = 60.0
_QUIET_SECONDS = 3.0
"""Everybody sends spans once a second."""


class CheckFailedError(Exception):
    """Something that the story promises was not so."""


class Told(Protocol):
    """The system in which the story plays: processes of this machine, or containers."""

    def address(self, name: str) -> str:
        """`host:port` of a listener."""

    def url(self, name: str) -> str:
        """The address of something that speaks HTTP."""

    async def kill(self, name: str) -> None:
        """SIGKILL a part; it is started again by itself."""

    async def ready(self, name: str) -> None:
        """Wait until a part is ready."""


@dataclass
class Narrator:
    """Tells the story on standard output, with the time since it began."""

    began: float = field(default_factory=time.monotonic)

    def say(self, sentence: str) -> None:
        """One line."""
        now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        print(f"{now}  {time.monotonic() - self.began:6.2f}s  {sentence}", flush=True)

    def chapter(self, title: str) -> None:
        """A heading."""
        print(f"\n── {title} " + "─" * max(1, 96 - len(title)), flush=True)


def hold(truth: bool, promise: str) -> None:
    """Raises CheckFailedError unless it is true."""
    if not truth:
        raise CheckFailedError(promise)


@asynccontextmanager
async def a_stack() -> AsyncIterator[RunningStack]:
    """The stack of `make up` where it runs, else one that ends with the story."""
    try:
        yield RunningStack.attach()
        return
    except NotRunningError:
        print("No stack runs here: starting one for this story (`make up` keeps one running).")
    with tempfile.TemporaryDirectory(prefix="proctorium-demo-") as folder:
        async with Stack.running(Path(folder), ports=PortPlan.free()) as stack:
            await demo_data.load(stack)
            yield stack


async def tell(stack: Told, narrator: Narrator) -> Stage:
    """The whole story; who was in it. Raises CheckFailedError, or whatever went wrong."""
    exporter: SpanExporter = SpansOverHttp(stack.url("traces"), "demo")
    tracing = Tracing("demo", ratio=1.0, exporter=exporter, export_delay_ms=200)
    use_tracing(tracing)
    with span("proctored session"):
        trace_id = current_trace_id() or ""
        stage = await act(stack, narrator)
    await asyncio.to_thread(tracing.close)
    narrator.chapter("The trace")
    await show_trace(stack, trace_id, stage.session_id, narrator)
    await stage.close()
    return stage


async def act(stack: Told, narrator: Narrator) -> Stage:
    """The session itself, from the code to the mails."""
    narrator.chapter("The administrator plans a session")
    stage = await set_stage(
        stack.address("edge"),
        learner_channels=(EdgeChannel, WebChannel, EdgeChannel),
        named_after_run=True,
    )
    narrator.say(f"course {stage.course_id}, assessment {stage.assessment_id}")
    narrator.say(f"session {stage.session_id}, enrollment code {stage.code}")
    proctor = ProctorStory(stage, narrator.say)
    lena, omar, mei = (LearnerStory(learner, stage, narrator.say) for learner in stage.learners)
    mailbox = Mailbox(stack.url("mailbox"))
    await show_code_mails(mailbox, stage, narrator)

    narrator.chapter("The lobby, and the identity check")
    narrator.say("Lena and Mei speak gRPC to the edge, Omar gRPC-Web as a browser does")
    proctor.watch()
    for learner in (lena, omar, mei):
        await learner.join()
    closed = await refusal(lena.get_lesson())
    hold(closed.reason == "PARTICIPANT_NOT_IN_SESSION", "content is closed while waiting")
    narrator.say(f"Lena tries to open a lesson: refused, {closed.reason}: {closed.message}")
    for learner in (lena, omar, mei):
        await proctor.verify(await learner.send_evidence())

    narrator.chapter("The proctor starts the session")
    await proctor.start()
    await asyncio.gather(*(learner.be_in_session() for learner in (lena, omar, mei)))
    hold("goggles" in await lena.open_lesson_eventually(), "content is open in session")
    narrator.say("Lena reads the lesson now")

    narrator.chapter("Lena and Omar take the assessment")
    await proctor.authorize(lena, omar)
    for learner in (lena, omar):
        await learner.answer_all(await learner.begin())
        await learner.submit()
        result = await learner.see_result()
        hold(result.passed and result.points == result.points_possible, "right answers pass")
        await learner.fetch_certificate()

    narrator.chapter("Mei's examination, with crashes in the middle of it")
    await crash_in_the_middle(stack, proctor, mei, narrator)

    narrator.chapter("The end")
    await proctor.end()
    entries = await lena.transcript()
    hold([entry.result.passed for entry in entries] == [True], "the transcript holds the result")
    narrator.say(
        f"Lena's transcript: {entries[0].course_title}, {entries[0].hours:g} hours, passed"
    )
    await show_last_mails(mailbox, stage, narrator)
    for story in (proctor, lena, omar, mei):
        await story.close()
    await mailbox.close()
    return stage


async def crash_in_the_middle(
    stack: Told, proctor: ProctorStory, mei: LearnerStory, narrator: Narrator
) -> None:
    """Kills the relay that carries the authorisation, then the assessment service while answers are being saved."""
    await proctor.authorize(mei)
    await stack.kill("session")
    narrator.say(
        f"SIGKILL session-orchestration, and the relay in it, right after the proctor authorised {mei.learner.name}"
    )
    await stack.ready("session")
    attempt = await mei.begin()
    narrator.say("the authorisation arrived all the same: it was in the outbox")
    acknowledged = await save_through_a_crash(stack, mei, list(attempt.items), narrator)
    request = GetAttemptRequest(attempt_id=mei.attempt_id)
    there = (await mei.learner.attempts.GetAttempt(request)).attempt
    hold(there.last_sequence >= max(acknowledged), "no acknowledged answer is lost")
    for saved in there.answers:
        last = max(
            sequence for sequence, item_id in acknowledged.items() if item_id == saved.item_id
        )
        hold(saved.sequence >= last, f"the last acknowledged answer to {saved.item_id} is there")
    narrator.say(f"all {len(acknowledged)} acknowledged changes are there")
    await mei.answer_all(attempt)
    await mei.submit()
    result = await mei.see_result()
    hold(result.points == result.points_possible, "the answers count as they were given")
    await mei.fetch_certificate()


async def save_through_a_crash(
    stack: Told, mei: LearnerStory, items: Sequence[Item], narrator: Narrator
) -> dict[int, str]:
    """Save changes while the service is killed; return the acknowledged ones by sequence number."""
    acknowledged: dict[int, str] = {}
    killing: asyncio.Task[None] | None = None
    waits = 0
    for number in range(_CHANGES):
        item = items[number % len(items)]
        mei.sequence += 1
        answer = _some_answer(item, number)
        while mei.sequence not in acknowledged:
            try:
                await mei.save_again(mei.sequence, item.item_id, answer)
                acknowledged[mei.sequence] = item.item_id
            except ServiceError as away:
                if away.kind not in {Kind.UNAVAILABLE, Kind.TIMED_OUT}:
                    raise
                waits += 1
                await asyncio.sleep(0.1)
        if len(acknowledged) == _CRASH_AFTER:
            killing = asyncio.create_task(stack.kill("assessment"))
            narrator.say(f"SIGKILL assessment while change {mei.sequence + 1} is on its way")
    if killing is not None:
        await killing
    await stack.ready("assessment")
    hold(waits > 0, "the crash was felt")
    narrator.say(
        f"{len(acknowledged)} changes acknowledged; the client waited {waits} times and sent the same numbers again"
    )
    return acknowledged


def _some_answer(item: Item, number: int) -> Answer:
    return Answer(number=float(number)) if item.HasField("numeric") else right_answer(item)


async def show_code_mails(mailbox: Mailbox, stage: Stage, narrator: Narrator) -> None:
    """The learners have their code by mail, with an invite."""
    for learner in stage.learners:
        mail = await mailbox.mail_to(learner.email, "code")
        hold(stage.code in mail.text, "the code is in the mail")
        hold("text/calendar" in mail.attachments, "the mail carries a calendar invite")
    narrator.say(f"{len(stage.learners)} mails with the code and a calendar invite have arrived")


async def show_last_mails(mailbox: Mailbox, stage: Stage, narrator: Narrator) -> None:
    """Each learner was told of everything once."""
    for learner in stage.learners:
        for subject in ("verified", "result", "certificate", "over"):
            await mailbox.mail_to(learner.email, subject)
        mails = await mailbox.mails_to(learner.email)
        subjects = [mail.subject for mail in mails]
        hold(len({mail.message_id for mail in mails}) == len(mails), "no mail came twice")
        narrator.say(f"mails to {learner.name}: {' · '.join(subjects)}")


async def show_trace(stack: Told, trace_id: str, session_id: str, narrator: Narrator) -> None:
    """Print the trace as a tree, once all services and broker hops are in it and no further spans arrive."""
    traces = Traces(stack.url("traces"))
    before, since = 0, 0.0

    async def whole() -> list[TraceSpan] | None:
        nonlocal before, since
        roots = await traces.tree(trace_id)
        spans = [found for root in roots for found in root.below()]
        seen = {found.service for found in spans}
        hops = {found.kind for found in spans}
        if len(spans) != before:
            before, since = len(spans), time.monotonic()
        quiet = time.monotonic() - since >= _QUIET_SECONDS
        arrived = quiet and set(SERVICES) <= seen and {"producer", "consumer"} <= hops
        return roots if arrived else None

    roots = await eventually(whole, "the whole trace", _SLOWEST_SECONDS)
    for line in lines_of(essence(roots)):
        print(line)
    count = sum(1 for root in roots for _ in root.below())
    narrator.say(
        "without the spans of the edge and the databases; what a killed process had not sent is missing"
    )
    narrator.say(f"trace {trace_id}: {count} spans, {stack.url('traces')}/traces/{trace_id}")
    found = await traces.found_by("session_id", session_id)
    hold(trace_id in found, "the trace is found by the session's id")
    await traces.close()


async def main() -> int:
    """Tells the story; the exit code."""
    try:
        async with a_stack() as stack:
            await tell(stack, Narrator())
    except (CheckFailedError, AssertionError, TimeoutError, ServiceError) as broken:
        print(f"\nIt did not hold: {type(broken).__name__}: {broken}", file=sys.stderr)
        return 1
    print("\nEverything held.")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
