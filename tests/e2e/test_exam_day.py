"""Test the story of `make demo` without its crashes: no learner loses an answer or time on an eventful day."""

from __future__ import annotations

from e2e.exam_day import (
    broken_laptop,
    end_day,
    fill_lobby,
    fire_alarm,
    illness,
    plan_day,
    start_exam,
    take_over,
)
from e2e.mailbox import Mailbox
from proctorium_devstack.stack import Stack


async def test_eventful_day_costs_no_answer_and_no_time(stack: Stack, mailbox: Mailbox) -> None:
    day = await plan_day(stack.address("edge"))
    await fill_lobby(day)
    await start_exam(day)
    await fire_alarm(day)
    await broken_laptop(day)
    await illness(day)
    await take_over(day, mailbox)
    await end_day(day)
    await day.close_streams()
    await day.scenario.close()
