"""Tests of messages between learners and proctors, announcements, and read marks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_LEARNER, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import messages_pb2 as pb
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_session.operations import conversations as operations

from .harness import Harness, Person, end, join, plan, start

HELP = "My screen is frozen.\nWhat shall I do?"


@dataclass
class Scene:
    """A session in progress, with its proctor and two learners."""

    proctor: Person
    learner: Person
    other: Person
    session_id: str
    participant_id: str
    other_participant_id: str

    def message(self, text: str = HELP, **fields: str) -> pb.SendMessageRequest:
        """Return a request to send a message in the first learner's conversation."""
        request = pb.SendMessageRequest(
            session_id=self.session_id, participant_id=self.participant_id, text=text
        )
        for name, value in fields.items():
            setattr(request, name, value)
        return request

    def announcement(self, text: str = "Ten minutes left.") -> pb.AnnounceRequest:
        return pb.AnnounceRequest(session_id=self.session_id, text=text)

    def mark(self, sequence: int, participant_id: str = "") -> pb.MarkMessagesReadRequest:
        """Return a request to mark messages as read up to `sequence`.

        If `participant_id` is empty, the request marks announcements. Otherwise, it marks messages of the participant's
        conversation.
        """
        return pb.MarkMessagesReadRequest(
            session_id=self.session_id, participant_id=participant_id, sequence=sequence
        )


async def in_progress(harness: Harness, breaks: sessions_pb2.BreakPolicy | None = None) -> Scene:
    proctor, learner, other = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor], breaks=breaks))
    joined = [await join(each, session.session_id) for each in (learner, other)]
    await start(proctor, session.session_id)
    ids = [each.participant.participant_id for each in joined]
    return Scene(proctor, learner, other, session.session_id, *ids)


async def send(person: Person, request: pb.SendMessageRequest) -> pb.Message:
    return (await person.messages.SendMessage(request)).message


async def announce(person: Person, request: pb.AnnounceRequest) -> pb.Message:
    return (await person.messages.Announce(request)).announcement


async def listed(
    person: Person, scene: Scene, participant_id: str = "", after_sequence: int = 0
) -> list[pb.Message]:
    """Read a conversation or the announcements in pages of two, and return the messages, oldest first."""
    found: list[pb.Message] = []
    token = ""
    while True:
        page = await person.messages.ListMessages(
            pb.ListMessagesRequest(
                session_id=scene.session_id,
                participant_id=participant_id,
                after_sequence=after_sequence,
                page_size=2,
                page_token=token,
            )
        )
        found += page.messages
        token = page.next_page_token
        if not token:
            return found[::-1]


async def mark(person: Person, request: pb.MarkMessagesReadRequest) -> pb.Conversation:
    return (await person.messages.MarkMessagesRead(request)).conversation


async def test_both_sides_read_a_conversation_in_one_order(harness: Harness) -> None:
    scene = await in_progress(harness)
    sent = [
        await send(scene.learner, scene.message()),
        await send(scene.proctor, scene.message("Restart it.")),
        await send(harness.administrator(), scene.message("The clock stands.")),
    ]
    assert [each.sequence for each in sent] == [1, 2, 3]
    assert [each.acting_role for each in sent] == [ROLE_LEARNER, ROLE_PROCTOR, ROLE_ADMINISTRATOR]
    assert (sent[0].text, sent[0].sender_id) == (HELP, scene.learner.id)
    for person in (scene.learner, scene.proctor):
        assert await listed(person, scene, scene.participant_id) == sent
        later = await listed(person, scene, scene.participant_id, after_sequence=2)
        assert later == sent[2:]


async def test_announcements_reach_all_learners(harness: Harness) -> None:
    scene = await in_progress(harness)
    sent = [await announce(scene.proctor, scene.announcement(f"{n} minutes")) for n in range(3)]
    assert [each.sequence for each in sent] == [1, 2, 3]
    for person in (scene.learner, scene.other, scene.proctor):
        assert await listed(person, scene) == sent


async def test_event_has_a_hash_of_the_text_and_not_the_text(harness: Harness) -> None:
    scene = await in_progress(harness)
    sent = await send(scene.learner, scene.message("Only for the proctors 🙂"))
    rows = await harness.rows("SELECT body FROM outbox ORDER BY position DESC LIMIT 1")
    body = rows[0][0]
    assert isinstance(body, bytes)
    assert b"Only for" not in body
    event = events_pb2.MessageSent.FromString(body)
    assert (event.message_id, event.sequence, event.length) == (sent.message_id, 1, 23)
    assert (event.participant_id, event.sender_id) == (scene.participant_id, scene.learner.id)
    assert len(event.text_hash) == 32
    assert (await harness.recorded(scene.session_id))[-1] == "message.sent"
    assert (await harness.published(scene.session_id))[-1] == "message.sent"


async def test_read_marks_count_the_messages_of_the_other_side(harness: Harness) -> None:
    scene = await in_progress(harness)
    for person in (scene.learner, scene.learner, scene.proctor, scene.learner, scene.proctor):
        await send(person, scene.message())
    recorded = await harness.recorded(scene.session_id)
    seen = await mark(scene.proctor, scene.mark(2, scene.participant_id))
    assert (seen.message_count, seen.proctors_unread_count, seen.learner_unread_count) == (5, 1, 2)
    seen = await mark(scene.learner, scene.mark(3, scene.participant_id))
    assert (seen.learner_read_sequence, seen.learner_unread_count) == (3, 1)
    assert (seen.proctors_read_sequence, seen.proctors_unread_count) == (2, 1)
    assert await harness.recorded(scene.session_id) == recorded, "a read mark is not an event"


async def test_read_mark_moves_only_forward_and_not_past_the_newest(harness: Harness) -> None:
    scene = await in_progress(harness)
    for _ in range(3):
        await send(scene.learner, scene.message())
    all_read = await mark(scene.proctor, scene.mark(99, scene.participant_id))
    assert (all_read.proctors_read_sequence, all_read.proctors_unread_count) == (3, 0)
    before = await harness.state()
    assert await mark(scene.proctor, scene.mark(1, scene.participant_id)) == all_read
    assert await harness.state() == before


async def test_all_proctors_share_one_mark(harness: Harness) -> None:
    proctors, learner = [harness.proctor(), harness.proctor()], harness.learner()
    session = await harness.scheduled(plan(proctors))
    participant_id = (await join(learner, session.session_id)).participant.participant_id
    scene = Scene(proctors[0], learner, learner, session.session_id, participant_id, "")
    await send(learner, scene.message())
    await mark(proctors[0], scene.mark(1, participant_id))
    unchanged = await mark(proctors[1], scene.mark(1, participant_id))
    assert unchanged.proctors_unread_count == 0


async def test_each_learner_marks_announcements(harness: Harness) -> None:
    scene = await in_progress(harness)
    await announce(scene.proctor, scene.announcement())
    assert (await mark(scene.learner, scene.mark(1))).announcements_read_sequence == 1
    roster = scene.proctor.supervision.WatchRoster(
        supervision_pb2.WatchRosterRequest(session_id=scene.session_id)
    )
    snapshot = (await anext(aiter(roster))).snapshot
    roster.cancel()
    assert snapshot.session.announcement_count == 1
    marks = {
        each.person_id: each.conversation.announcements_read_sequence
        for each in snapshot.participants
    }
    assert marks == {scene.learner.id: 1, scene.other.id: 0}


async def test_proctors_have_no_mark_in_announcements(harness: Harness) -> None:
    scene = await in_progress(harness)
    await announce(scene.proctor, scene.announcement())
    refused = await harness.refused(scene.proctor.messages.MarkMessagesRead, scene.mark(1))
    assert refused.reason == "INVALID_REQUEST"
    assert [each.field for each in refused.violations] == ["participant_id"]


async def test_learner_has_no_access_to_the_conversation_of_another(harness: Harness) -> None:
    scene = await in_progress(harness)
    await send(scene.learner, scene.message())
    unknown = str(new_id())
    for participant_id in (scene.participant_id, unknown):
        service = scene.other.messages
        for call in (
            service.SendMessage(scene.message(participant_id=participant_id)),
            service.ListMessages(
                pb.ListMessagesRequest(session_id=scene.session_id, participant_id=participant_id)
            ),
            service.MarkMessagesRead(scene.mark(1, participant_id)),
        ):
            assert (await refusal(call)).kind is Kind.NOT_FOUND
    error = await refusal(scene.other.messages.Announce(scene.announcement()))
    assert error.reason == "NOT_ALLOWED"


@pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
async def test_others_have_no_access(harness: Harness, there: bool) -> None:
    scene = await in_progress(harness)
    session_id = scene.session_id if there else str(new_id())
    listing = pb.ListMessagesRequest(session_id=session_id)
    announcing = pb.AnnounceRequest(session_id=session_id, text="Stop.")
    sending = scene.message(session_id=session_id)
    marking = pb.MarkMessagesReadRequest(
        session_id=session_id, participant_id=scene.participant_id, sequence=1
    )
    stranger = harness.proctor().messages
    calls = (
        stranger.SendMessage(sending),
        stranger.ListMessages(listing),
        stranger.MarkMessagesRead(marking),
        stranger.Announce(announcing),
    )
    for call in calls:
        assert (await refusal(call)).reason == "NOT_YOUR_SESSION"
    assert (await refusal(harness.learner().messages.ListMessages(listing))).kind is Kind.NOT_FOUND


async def test_administrator_who_is_a_learner_of_the_session_writes_only_as_a_learner(
    harness: Harness,
) -> None:
    scene = await in_progress(harness)
    both = harness.person("learner", "administrator", person_id=scene.learner.person_id)
    assert (await send(both, scene.message())).acting_role == ROLE_LEARNER
    for call in (
        both.messages.Announce(scene.announcement()),
        both.messages.SendMessage(scene.message(participant_id=scene.other_participant_id)),
    ):
        assert (await refusal(call)).reason == "NOT_YOUR_SESSION"


async def test_participant_of_another_session_is_refused(harness: Harness) -> None:
    scene, elsewhere = await in_progress(harness), await in_progress(harness)
    request = scene.message(participant_id=elsewhere.participant_id)
    refused = await harness.refused(scene.proctor.messages.SendMessage, request)
    assert refused.reason == "NOT_FOUND"


async def test_learner_who_waits_in_the_lobby_writes(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    participant_id = (await join(learner, session.session_id)).participant.participant_id
    scene = Scene(proctor, learner, learner, session.session_id, participant_id, "")
    await send(learner, scene.message())
    await announce(proctor, scene.announcement("We start soon."))


async def test_state_of_the_session_decides_about_new_messages(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(
        plan([proctor], starts_in=timedelta(days=1), lobby_lead=timedelta(minutes=5))
    )
    announcement = pb.AnnounceRequest(session_id=session.session_id, text="Hello.")
    refused = await refusal(proctor.messages.Announce(announcement))
    assert refused.reason == "LOBBY_NOT_OPEN"
    await harness.administrator().sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    )
    refused = await refusal(proctor.messages.Announce(announcement))
    assert refused.reason == "SESSION_CANCELLED"


async def test_messages_can_be_read_but_not_sent_after_the_end(harness: Harness) -> None:
    scene = await in_progress(harness)
    sent = [await send(scene.proctor, scene.message("Good luck."))]
    await end(scene.proctor, scene.session_id)
    for person in (scene.learner, scene.proctor):
        refused = await harness.refused(person.messages.SendMessage, scene.message())
        assert refused.reason == "SESSION_ENDED"
        assert await listed(person, scene, scene.participant_id) == sent
    marked = await mark(scene.learner, scene.mark(1, scene.participant_id))
    assert marked.learner_unread_count == 0


async def test_proctors_have_no_access_long_after_the_end(harness: Harness) -> None:
    scene = await in_progress(harness)
    sent = [await send(scene.learner, scene.message())]
    await end(scene.proctor, scene.session_id)
    await harness.rows(
        "UPDATE sessions SET end_time = end_time - interval '25 hours' WHERE session_id = :id",
        id=UUID(scene.session_id),
    )
    service = scene.proctor.messages
    for call in (
        service.ListMessages(pb.ListMessagesRequest(session_id=scene.session_id)),
        service.MarkMessagesRead(scene.mark(1, scene.participant_id)),
    ):
        assert (await refusal(call)).reason == "RECORD_CLOSED"
    for person in (scene.learner, harness.administrator()):
        assert await listed(person, scene, scene.participant_id) == sent


async def test_removed_learner_reads_but_does_not_write(harness: Harness) -> None:
    scene = await in_progress(harness)
    sent = [await send(scene.proctor, scene.message("Come to the desk."))]
    await scene.proctor.supervision.RemoveParticipants(
        supervision_pb2.RemoveParticipantsRequest(
            session_id=scene.session_id,
            participant_ids=[scene.participant_id],
            removal_reason="Ill",
        )
    )
    for person in (scene.learner, scene.proctor):
        refused = await harness.refused(person.messages.SendMessage, scene.message())
        assert refused.reason == "PARTICIPANT_REMOVED"
        assert await listed(person, scene, scene.participant_id) == sent


async def test_person_who_sends_too_fast_has_to_wait(harness: Harness) -> None:
    scene = await in_progress(harness)
    for person in (scene.learner, scene.proctor):
        for _ in range(20):
            await send(person, scene.message())
        refused = await harness.refused(person.messages.SendMessage, scene.message())
        assert (refused.kind, refused.reason) == (Kind.EXHAUSTED, "TOO_MANY_MESSAGES")
        assert refused.retry_after is not None
        assert timedelta(0) < refused.retry_after <= timedelta(minutes=1)
    # Other conversations and other people are not limited.
    to_other = scene.message(participant_id=scene.other_participant_id)
    await send(scene.proctor, to_other)
    await send(harness.administrator(), scene.message("One at a time, please."))


async def test_announcements_have_the_same_pace(harness: Harness) -> None:
    scene = await in_progress(harness)
    for _ in range(20):
        await announce(scene.proctor, scene.announcement())
    refused = await harness.refused(scene.proctor.messages.Announce, scene.announcement())
    assert (refused.kind, refused.reason) == (Kind.EXHAUSTED, "TOO_MANY_MESSAGES")
    await announce(harness.administrator(), scene.announcement())


async def test_conversation_has_a_maximum_number_of_messages(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "MAX_MESSAGES", 2)
    scene = await in_progress(harness)
    for _ in range(2):
        await send(scene.learner, scene.message())
        await announce(scene.proctor, scene.announcement())
    for person in (scene.learner, scene.proctor):
        refused = await harness.refused(person.messages.SendMessage, scene.message())
        assert refused.reason == "MESSAGE_LIMIT_REACHED"
    refused = await harness.refused(scene.proctor.messages.Announce, scene.announcement())
    assert refused.reason == "MESSAGE_LIMIT_REACHED"
    await send(scene.other, scene.message(participant_id=scene.other_participant_id))


async def test_repetition_sends_one_message(harness: Harness) -> None:
    scene = await in_progress(harness)
    request = scene.message(request_id=str(new_id()))
    first = await send(scene.learner, request)
    assert await send(scene.learner, request) == first
    assert len(await listed(scene.learner, scene, scene.participant_id)) == 1


@pytest.mark.parametrize(
    "text", ["", " \n\t", "x" * 2001, "bell\x07", "\u202egnorw"], ids=lambda text: repr(text)[:9]
)
async def test_invalid_text_is_refused_at_its_field(harness: Harness, text: str) -> None:
    scene = await in_progress(harness)
    service = scene.proctor.messages
    for refused in (
        await harness.refused(service.SendMessage, scene.message(text)),
        await harness.refused(service.Announce, scene.announcement(text)),
    ):
        assert [each.field for each in refused.violations] == ["text"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script> & 'quoted'", "🙂" * 2000])
async def test_text_is_stored_as_it_was_written(harness: Harness, text: str) -> None:
    scene = await in_progress(harness)
    sent = await send(scene.learner, scene.message(text))
    assert (
        [each.text for each in await listed(scene.proctor, scene, scene.participant_id)]
        == [sent.text]
        == [text]
    )


async def test_page_token_belongs_to_its_conversation(harness: Harness) -> None:
    scene = await in_progress(harness)
    for _ in range(2):
        await send(scene.learner, scene.message())
    request = pb.ListMessagesRequest(
        session_id=scene.session_id, participant_id=scene.participant_id, page_size=1
    )
    token = (await scene.proctor.messages.ListMessages(request)).next_page_token
    other = pb.ListMessagesRequest(session_id=scene.session_id, page_token=token)
    assert (await refusal(scene.proctor.messages.ListMessages(other))).reason == (
        "INVALID_PAGE_TOKEN"
    )


async def test_database_refuses_to_change_messages_and_to_move_marks_back(harness: Harness) -> None:
    scene = await in_progress(harness)
    await send(scene.learner, scene.message())
    await mark(scene.proctor, scene.mark(1, scene.participant_id))
    for statement in (
        "UPDATE messages SET text = 'Nothing'",
        "DELETE FROM messages",
        "UPDATE participants SET proctors_read = 0 WHERE proctors_read = 1",
        "UPDATE participants SET learner_read = 2 WHERE message_count = 1",
        "UPDATE participants SET proctors_unread = 1 WHERE proctors_read = message_count",
    ):
        with pytest.raises(DBAPIError):
            await harness.rows(statement)


async def test_database_refuses_a_message_that_does_not_continue_a_conversation(
    harness: Harness,
) -> None:
    scene, elsewhere = await in_progress(harness), await in_progress(harness)
    sent = await send(scene.learner, scene.message())
    copied = (
        "INSERT INTO messages SELECT gen_random_uuid(), session_id, {participant}, {sequence}, 999,"
        " sender_id, {role}, text, text_key, sent_at FROM messages WHERE message_id = :id"
    )
    for participant, sequence, role in (
        ("participant_id", 1, "acting_role"),
        ("participant_id", 3, "acting_role"),
        ("participant_id", 2, "'proctor'"),
        (f"'{elsewhere.participant_id}'", 1, "'proctor'"),
        (f"'{scene.other_participant_id}'", 1, "acting_role"),
        ("NULL", 2, "'proctor'"),
    ):
        statement = copied.format(participant=participant, sequence=sequence, role=role)
        with pytest.raises(DBAPIError, match="does not continue a conversation"):
            await harness.rows(statement, id=UUID(sent.message_id))
