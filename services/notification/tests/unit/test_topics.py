from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from proctorium_notification.domain.topics import Session, Topic, reason_not_to_send

START = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
INVITATIONS = [Topic.SESSION_SCHEDULED, Topic.CODE_ISSUED, Topic.CODE_REPLACED]


def session(*, cancelled: bool = False, ended: bool = False) -> Session:
    return Session(uuid4(), "First Aid", START, timedelta(hours=1), cancelled, ended)


@pytest.mark.parametrize("topic", INVITATIONS, ids=str)
def test_invitation_to_a_session_that_is_over_is_not_sent(topic: Topic) -> None:
    assert reason_not_to_send(topic, session(), START) is None
    assert reason_not_to_send(topic, session(), START + timedelta(minutes=59)) is None
    assert reason_not_to_send(topic, session(), START + timedelta(hours=1))
    assert reason_not_to_send(topic, session(cancelled=True), START - timedelta(days=1))
    assert reason_not_to_send(topic, session(ended=True), START)


def test_alarm_about_a_session_that_is_over_is_not_sent() -> None:
    topic, late = Topic.SESSION_UNCOVERED, START + timedelta(hours=2)
    assert reason_not_to_send(topic, session(), late) is None
    assert reason_not_to_send(topic, session(cancelled=True), START)
    assert reason_not_to_send(topic, session(ended=True), START)


@pytest.mark.parametrize(
    "topic",
    [topic for topic in Topic if topic not in {*INVITATIONS, Topic.SESSION_UNCOVERED}],
    ids=str,
)
def test_other_messages_are_sent_at_any_time(topic: Topic) -> None:
    late = START + timedelta(days=30)
    assert reason_not_to_send(topic, session(cancelled=True, ended=True), late) is None
    assert reason_not_to_send(topic, None, late) is None
