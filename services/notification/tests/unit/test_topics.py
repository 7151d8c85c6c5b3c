from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from proctorium_notification.domain.topics import Session, Topic, pointless

START = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
INVITATIONS = [Topic.SESSION_SCHEDULED, Topic.CODE_ISSUED, Topic.CODE_REPLACED]


def session(*, cancelled: bool = False, ended: bool = False) -> Session:
    return Session(uuid4(), "First Aid", START, timedelta(hours=1), cancelled, ended)


@pytest.mark.parametrize("topic", INVITATIONS, ids=str)
def test_nobody_is_invited_to_what_is_over(topic: Topic) -> None:
    assert pointless(topic, session(), START) is None
    assert pointless(topic, session(), START + timedelta(minutes=59)) is None
    assert pointless(topic, session(), START + timedelta(hours=1))
    assert pointless(topic, session(cancelled=True), START - timedelta(days=1))
    assert pointless(topic, session(ended=True), START)


@pytest.mark.parametrize("topic", [topic for topic in Topic if topic not in INVITATIONS], ids=str)
def test_everything_else_is_told_however_late(topic: Topic) -> None:
    late = START + timedelta(days=30)
    assert pointless(topic, session(cancelled=True, ended=True), late) is None
    assert pointless(topic, None, late) is None
