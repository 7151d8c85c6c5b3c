from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_notification.domain.deliveries import (
    DELIVERY_STATES,
    Cause,
    Delivery,
    DeliveryAction,
    DeliveryState,
    RetryPolicy,
    redact,
    require_resendable,
)
from proctorium_notification.domain.topics import Channel, Topic

NOW = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
README = Path(__file__).parents[2] / "README.md"


def delivery(state: DeliveryState) -> Delivery:
    cause = Cause(uuid4(), Topic.PARTICIPANT_REMOVED)
    return Delivery(uuid4(), uuid4(), Channel.EMAIL, cause, state, 1, "", created_at=NOW)


@given(st.lists(st.sampled_from(DeliveryAction)))
def test_message_is_accepted_only_after_it_was_handed_over(actions: list[DeliveryAction]) -> None:
    state, handed_over = DeliveryState.PENDING, False
    for action in actions:
        if DELIVERY_STATES.allows(state, action):
            target = DELIVERY_STATES.target(state, action)
            assert target is not None
            handed_over = handed_over or target is DeliveryState.SENDING
            assert state is not DeliveryState.SENT
            assert target is not DeliveryState.SENT or handed_over
            state = target


def test_only_a_resend_or_a_late_response_leaves_in_doubt() -> None:
    assert set(DELIVERY_STATES.actions(DeliveryState.IN_DOUBT)) == {
        DeliveryAction.ACCEPT,
        DeliveryAction.DEFER,
        DeliveryAction.FAIL,
        DeliveryAction.RESEND,
    }


def test_states_are_consistent_and_documented() -> None:
    check_states(DELIVERY_STATES, README)


@pytest.mark.parametrize("state", list(DeliveryState), ids=str)
def test_only_failed_and_in_doubt_deliveries_can_be_resent(state: DeliveryState) -> None:
    if state in {DeliveryState.FAILED, DeliveryState.IN_DOUBT}:
        require_resendable(delivery(state))
        return
    with pytest.raises(ServiceError) as refused:
        require_resendable(delivery(state))
    assert (refused.value.reason, refused.value.metadata) == (
        "DELIVERY_NOT_FAILED",
        {"state": state},
    )


def test_unknown_delivery_cannot_be_resent() -> None:
    with pytest.raises(ServiceError, match="NOT_FOUND"):
        require_resendable(None)


def test_backoff_doubles_up_to_a_limit() -> None:
    retry = RetryPolicy(first=timedelta(seconds=10), longest=timedelta(seconds=60))
    delays = [retry.backoff(tries).total_seconds() for tries in range(1, 6)]
    assert delays == [10, 20, 40, 60, 60]
    assert retry.backoff(10_000) == timedelta(seconds=60)


def test_retries_end_after_a_time() -> None:
    retry = RetryPolicy(give_up_after=timedelta(days=3))
    assert not retry.is_over(NOW, NOW + timedelta(days=2))
    assert retry.is_over(NOW, NOW + timedelta(days=3))


@pytest.mark.parametrize(
    "error",
    [
        "550 5.1.1 <ada@example.org>: Recipient address rejected",
        "mailbox ADA@Example.org is full",
        "ada@example.org",
        'quoted "ada"@example.org',
        "someone.else+tag@sub.example.co.uk rejected",
    ],
    ids=str,
)
def test_redacted_error_has_no_address(error: str) -> None:
    redacted = redact(error, "ada@example.org")
    assert "@" not in redacted
    assert "example" not in redacted.lower()


def test_redacted_error_is_one_short_line() -> None:
    assert redact("451 4.7.1\r\n try\n later") == "451 4.7.1 try later"
    assert len(redact("x" * 10_000)) == 500
