"""`make demo`: play a day in the exam room with crashes in the middle, and print the start of the trace.

The demo uses the stack of `make up` if that stack is running. Otherwise the demo starts a separate stack. The exit code
is 0 only if all checks passed.
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

from e2e.clients import LearnerClient, correct_answer
from e2e.exam_day import (
    CheckFailedError,
    ExamDay,
    broken_laptop,
    check,
    end_day,
    extra_time_applied,
    fill_lobby,
    fire_alarm,
    grant_extra_time,
    illness,
    plan_day,
    start_exam,
    take_over,
)
from e2e.grpc_web import WebChannel
from e2e.mailbox import Mailbox
from e2e.scenario import Scenario
from e2e.traces import Traces, TraceSpan, format_tree, without_infrastructure
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
from proctorium_devstack.console import Console, show_only_warnings
from proctorium_devstack.data_folder import PROJECT
from proctorium_devstack.demo.edge import EdgeChannel
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import NotRunningError, RunningStack, Stack
from proctorium_devstack.testing.refusals import refusal

SERVICES = ("enrollment", "session", "assessment", "identity", "notification")
_CHANGES = 160
_CRASH_AFTER = 60
_SLOWEST_SECONDS = 60.0
_QUIET_SECONDS = 3.0
"""The time without new spans after which a trace is complete, because services export spans once a second."""
TREE_FILE = PROJECT / "build" / "demo-trace.txt"
_TREE_LINES = 30


class System(Protocol):
    """The running system. Its components are processes of this machine or containers."""

    def address(self, name: str) -> str:
        """Return the `host:port` of a listener."""

    def url(self, name: str) -> str:
        """Return the URL of an HTTP listener."""

    async def kill(self, name: str) -> None:
        """Send SIGKILL to a component; the supervisor then restarts the component."""

    async def ready(self, name: str) -> None:
        """Wait until a component is ready."""


@dataclass
class Output:
    """Prints headings, and lines with the current time, to standard output."""

    start: float = field(default_factory=time.monotonic)

    def line(self, text: str) -> None:
        """Print one line."""
        now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        print(f"{now}  {time.monotonic() - self.start:6.2f}s  {text}", flush=True)

    def heading(self, title: str) -> None:
        """Print a heading."""
        print(f"\n── {title} " + "─" * max(1, 96 - len(title)), flush=True)


@asynccontextmanager
async def running_stack() -> AsyncIterator[RunningStack]:
    """Yield the stack of `make up` if it is running, or else a new stack that stops at the end of the block."""
    try:
        yield RunningStack.attach()
        return
    except NotRunningError:
        print(
            "No stack is running: starting one for this demo, which takes about half a minute "
            "(`make up` starts a lasting one).",
            flush=True,
        )
    console = Console()
    with tempfile.TemporaryDirectory(prefix="proctorium-demo-") as folder:
        async with Stack.running(
            Path(folder), ports=PortPlan.free(), on_event=console.write_event
        ) as stack:
            await demo_data.load(stack, console.write_event)
            yield stack
            print("\nStopping the temporary stack.", flush=True)


async def run_demo(stack: System, output: Output, *, lasting: bool = False) -> Scenario:
    """Run the session and show its trace; return the scenario of the session.

    Set `lasting` if the stack continues to run after the demo. The URL of the page with the trace is then printed.
    Raises CheckFailedError, or the error of a step that fails.
    """
    exporter: SpanExporter = SpansOverHttp(stack.url("traces"), "demo")
    tracing = Tracing("demo", ratio=1.0, exporter=exporter, export_delay_ms=200)
    use_tracing(tracing)
    with span("proctored session"):
        trace_id = current_trace_id() or ""
        scenario = await run_session(stack, output)
    await asyncio.to_thread(tracing.close)
    output.heading("The trace")
    await show_trace(stack, trace_id, scenario.session_id, output, lasting=lasting)
    await scenario.close()
    return scenario


async def run_session(stack: System, output: Output) -> Scenario:
    """Play a day in the exam room, from the scheduling to the last mails; return the scenario of the session."""
    output.heading("The administrator schedules a session")
    channels = (EdgeChannel, WebChannel, EdgeChannel)
    day = await plan_day(stack.address("edge"), channels, output.line)
    mailbox = Mailbox(stack.url("mailbox"))
    await show_code_mails(mailbox, day.scenario, output)

    output.heading("The learners wait in the lobby, and the proctor checks their identity")
    output.line("Lena and Mei use gRPC, Omar uses gRPC-Web as a browser does")
    await fill_lobby(day)
    closed = await refusal(day.lena.get_lesson())
    check(closed.reason == "PARTICIPANT_NOT_IN_SESSION", "content is refused while waiting")
    output.line(f"Lena tries to open a lesson: refused, {closed.reason}: {closed.message}")

    output.heading("The session starts. Lena has extra time")
    await start_exam(day)
    check("goggles" in await day.lena.open_lesson_eventually(), "content is available in session")

    output.heading("A fire alarm")
    await fire_alarm(day)

    output.heading("Omar's laptop breaks")
    await broken_laptop(day)

    output.heading("Mei falls ill")
    await illness(day)

    output.heading("Services crash while Lena saves answers")
    await crash_in_the_middle(stack, day, output)

    output.heading("The proctor vanishes, and a colleague takes over")
    await take_over(day, mailbox)

    output.heading("The session ends")
    await end_day(day)
    entries = await day.lena.transcript()
    check(
        [entry.result.passed for entry in entries] == [True], "the transcript contains the result"
    )
    output.line(f"Lena's transcript: {entries[0].course_title}, {entries[0].hours:g} hours, passed")
    await show_last_mails(mailbox, day, output)
    await day.close_streams()
    await mailbox.close()
    return day.scenario


async def crash_in_the_middle(stack: System, day: ExamDay, output: Output) -> None:
    """Kill two services while Lena takes the assessment.

    The session service and its relay are killed just after the proctor has granted extra time. The assessment service
    is killed while answers are being saved.
    """
    lena = day.lena
    await grant_extra_time(day)
    await stack.kill("session")
    output.line("SIGKILL session and its relay, right after the proctor granted extra time")
    output.line("waiting until session runs again")
    await stack.ready("session")
    await extra_time_applied(day)
    output.line("the extra time was published from the outbox after the restart")
    attempt = await lena.read_attempt()
    acknowledged = await save_through_a_crash(stack, lena, list(attempt.items), output)
    stored = await lena.read_attempt()
    check(stored.last_sequence >= max(acknowledged), "no acknowledged answer is lost")
    for saved in stored.answers:
        last = max(
            sequence for sequence, item_id in acknowledged.items() if item_id == saved.item_id
        )
        check(saved.sequence >= last, f"the last acknowledged answer to {saved.item_id} is stored")
    output.line(f"all {len(acknowledged)} acknowledged changes are stored")


async def save_through_a_crash(
    stack: System, learner: LearnerClient, items: Sequence[Item], output: Output
) -> dict[int, str]:
    """Save answers while the assessment service is killed, and retry each save until the save is acknowledged.

    Returns the item id of each acknowledged answer by sequence number.
    """
    acknowledged: dict[int, str] = {}
    killing: asyncio.Task[None] | None = None
    waits = 0
    for number in range(_CHANGES):
        item = items[number % len(items)]
        learner.sequence += 1
        answer = _some_answer(item, number)
        while learner.sequence not in acknowledged:
            try:
                await learner.save_as(learner.sequence, item.item_id, answer)
                acknowledged[learner.sequence] = item.item_id
            except ServiceError as error:
                if error.kind not in {Kind.UNAVAILABLE, Kind.TIMED_OUT}:
                    raise
                waits += 1
                await asyncio.sleep(0.1)
        if len(acknowledged) == _CRASH_AFTER:
            killing = asyncio.create_task(stack.kill("assessment"))
            output.line(f"SIGKILL assessment while change {learner.sequence + 1} is in flight")
            output.line("the client retries until assessment runs again")
    if killing is not None:
        await killing
    await stack.ready("assessment")
    check(waits > 0, "the crash interrupted the client")
    output.line(
        f"{len(acknowledged)} changes acknowledged; the client waited {waits} times and retried with the same sequence numbers"
    )
    return acknowledged


def _some_answer(item: Item, number: int) -> Answer:
    return Answer(number=float(number)) if item.HasField("numeric") else correct_answer(item)


async def show_code_mails(mailbox: Mailbox, scenario: Scenario, output: Output) -> None:
    """Wait until each learner has received the mail with the code; check that it contains a calendar invitation."""
    for learner in scenario.learners:
        mail = await mailbox.mail_to(learner.email, "code")
        check(scenario.code in mail.text, "the code is in the mail")
        check("text/calendar" in mail.attachments, "the mail carries a calendar invitation")
    output.line(
        f"{len(scenario.learners)} mails with the code and a calendar invitation have arrived"
    )


async def show_last_mails(mailbox: Mailbox, day: ExamDay, output: Output) -> None:
    """Wait for the last mails to each learner, check that no mail was sent twice, and print the mails' subjects."""
    for learner in day.scenario.learners:
        for subject in ("verified", "result", "over"):
            await mailbox.mail_to(learner.email, subject)
        mails = await mailbox.mails_to(learner.email)
        subjects = [mail.subject for mail in mails]
        check(len({mail.message_id for mail in mails}) == len(mails), "no mail was sent twice")
        output.line(f"mails to {learner.name}: {' · '.join(subjects)}")


async def show_trace(
    stack: System, trace_id: str, session_id: str, output: Output, *, lasting: bool
) -> None:
    """Wait until the trace is complete, and print the start of the trace.

    The trace is complete when no more spans arrive and it contains spans of all services and spans for the publication
    and the handling of events. The whole tree of spans is stored in `TREE_FILE`.
    """
    output.line("waiting until all services have exported their spans")
    traces = Traces(stack.url("traces"))
    before, since = 0, 0.0

    async def complete() -> list[TraceSpan] | None:
        nonlocal before, since
        roots = await traces.tree(trace_id)
        spans = [found for root in roots for found in root.walk()]
        seen = {found.service for found in spans}
        hops = {found.kind for found in spans}
        if len(spans) != before:
            before, since = len(spans), time.monotonic()
        quiet = time.monotonic() - since >= _QUIET_SECONDS
        arrived = quiet and set(SERVICES) <= seen and {"producer", "consumer"} <= hops
        return roots if arrived else None

    roots = await eventually(complete, "the complete trace", _SLOWEST_SECONDS)
    lines = format_tree(without_infrastructure(roots))
    TREE_FILE.parent.mkdir(exist_ok=True)
    TREE_FILE.write_text("\n".join([*lines, ""]), encoding="utf-8")
    for line in lines[:_TREE_LINES]:
        print(line)
    output.line(
        f"the first {_TREE_LINES} of {len(lines)} lines; all are in {TREE_FILE.relative_to(PROJECT)}"
    )
    count = sum(1 for root in roots for _ in root.walk())
    output.line(
        "without the spans of the edge and the databases; spans that a killed process had not exported are missing"
    )
    page = f", {stack.url('traces')}/traces/{trace_id}" if lasting else ""
    output.line(f"trace {trace_id}: {count} spans{page}")
    found = await traces.found_by("session_id", session_id)
    check(trace_id in found, "the trace is found by the session's id")
    await traces.close()


async def main() -> int:
    """Run the demo; return the exit code."""
    show_only_warnings()
    try:
        async with running_stack() as stack:
            await run_demo(stack, Output(), lasting=not isinstance(stack, Stack))
    except (CheckFailedError, AssertionError, TimeoutError, ServiceError) as failure:
        print(f"\nFailed: {type(failure).__name__}: {failure}", file=sys.stderr)
        return 1
    print("\nAll checks passed.")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
