"""Tests of transcripts."""

from __future__ import annotations

from proctorium.assessment.v1 import results_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, Seat


async def entries(person: Person, person_id: str = "") -> list[tuple[str, str, float, str, bool]]:
    request = results_pb2.GetTranscriptRequest(person_id=person_id)
    answer = await person.transcripts.GetTranscript(request)
    return [
        (
            entry.course_id,
            entry.course_title,
            entry.hours,
            entry.result.attempt_id,
            entry.result.passed,
        )
        for entry in answer.entries
    ]


async def done(harness: Harness, title: str) -> Seat:
    seat = await harness.started(title=title)
    await seat.save(*(seat.change(nth + 1, nth) for nth in range(4)))
    await harness.submit_and_end(seat)
    return seat


async def test_transcript_has_course_hours_and_result(harness: Harness) -> None:
    seat = await done(harness, "Physics")
    await harness.publish_course(seat.course_id, "Laboratory safety", 6.5)
    expected = [(str(seat.course_id), "Laboratory safety", 6.5, seat.attempt_id, True)]
    assert await entries(seat.learner) == expected
    assert await entries(harness.administrator, str(seat.learner.person_id)) == expected


async def test_unknown_course_has_no_title_in_the_transcript(
    harness: Harness,
) -> None:
    seat = await done(harness, "Physics")
    assert await entries(seat.learner) == [(str(seat.course_id), "", 0.0, seat.attempt_id, True)]


async def test_older_publication_that_arrives_later_changes_nothing(harness: Harness) -> None:
    seat = await done(harness, "Physics")
    await harness.publish_course(seat.course_id, "New title", 8)
    harness.rewind()
    await harness.publish_course(seat.course_id, "Old title", 2)
    ((_, title, hours, _, _),) = await entries(seat.learner)
    assert (title, hours) == ("New title", 8)


async def test_transcript_of_another_person_is_refused(harness: Harness) -> None:
    seat = await done(harness, "Physics")
    for person_id in (seat.learner.person_id, new_id()):
        request = results_pb2.GetTranscriptRequest(person_id=str(person_id))
        error = await refusal(harness.person().transcripts.GetTranscript(request))
        assert error.reason == "NOT_ALLOWED"
