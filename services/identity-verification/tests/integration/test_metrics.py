"""Tests of the metrics of the queue."""

from __future__ import annotations

from proctorium_devstack.testing.metrics import ReadableMetrics
from proctorium_identity.workers.queue import QueueMetrics

from .harness import Harness, submit_both, verify
from .test_evidence import open_case


async def test_submitted_cases_are_counted_with_the_longest_wait(harness: Harness) -> None:
    metrics, queue = ReadableMetrics(), QueueMetrics(harness.database)
    queue.observe(metrics)
    assert metrics.points("identity.queue.cases") == [], "nothing is known before the first run"
    await queue.run()
    before = metrics.value("identity.queue.cases")
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await harness.rows(
        "UPDATE cases SET submitted_at = now() - interval '1 day' WHERE case_id = :id", id=case_id
    )
    await queue.run()
    assert metrics.value("identity.queue.cases") == before + 1
    assert metrics.value("identity.queue.age") >= 86_400
    await verify(proctor, case_id)
    await queue.run()
    assert metrics.value("identity.queue.cases") == before
    assert metrics.value("identity.queue.age") < 86_400
