from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.conversations import Message
from proctorium_session.domain.sessions import MemberRole
from proctorium_session.operations import delivery
from proctorium_session.operations.delivery import MessageWindow

from .builders import NOON


def make_message(revision: int) -> Message:
    return Message(
        message_id=UUID(int=revision),
        session_id=UUID(int=3),
        participant_id=None,
        sequence=revision,
        revision=revision,
        sender_id=UUID(int=1),
        role=MemberRole.PROCTOR,
        text="Hello",
        text_key=b"key",
        sent_at=NOON,
    )


@given(
    reads=st.lists(st.lists(st.booleans(), max_size=9), max_size=12),
    revision=st.integers(0, 110),
)
def test_window_returns_all_messages_since_a_revision_or_none(
    reads: list[list[bool]], revision: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "MAX_WINDOW", 4)
        window, sent, now = MessageWindow(0), [], 0
        for changes in reads:
            newer = []
            for is_message in changes:
                now += 1
                if is_message:
                    newer.append(make_message(now))
            sent += newer
            # A replica reads at most the newest messages.
            window = window.extended(newer[-(delivery.MAX_WINDOW + 1) :])
            assert len(window.messages) <= delivery.MAX_WINDOW
        expected = [each for each in sent if each.revision > revision]
        found = window.since(revision)
        if found is None:
            assert len([each for each in sent if each.revision > revision]) > 0
            assert len(sent) > delivery.MAX_WINDOW
        else:
            assert list(found) == expected
