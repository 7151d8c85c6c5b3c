from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from proctorium_common.errors import ServiceError
from proctorium_notification.domain.deliveries import (
    MOVES,
    Delivery,
    DeliveryState,
    Move,
    RetryRules,
    before,
    require_resendable,
    scrubbed,
)
from proctorium_notification.domain.topics import Channel, Topic

NOW = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)


def delivery(state: DeliveryState) -> Delivery:
    return Delivery(
        uuid4(), uuid4(), uuid4(), Topic.REMOVED, Channel.EMAIL, state, 1, "", created_at=NOW
    )


def test_what_was_sent_stays_sent() -> None:
    assert MOVES[DeliveryState.SENT] == {}


def test_only_a_marked_delivery_can_be_in_doubt_and_only_a_person_gets_it_out_without_an_answer() -> (
    None
):
    assert before(Move.NO_WORD) == {DeliveryState.SENDING}
    ways_back = [
        move for move, to in MOVES[DeliveryState.IN_DOUBT].items() if to is DeliveryState.PENDING
    ]
    assert set(ways_back) == {Move.RESEND, Move.PUT_OFF}


def test_nothing_is_handed_over_unmarked() -> None:
    assert before(Move.MARK) == {DeliveryState.PENDING}
    assert DeliveryState.PENDING not in before(Move.TAKEN)


@pytest.mark.parametrize(("state", "move"), list(product(DeliveryState, Move)), ids=str)
def test_no_move_leads_from_a_final_state_or_nowhere(state: DeliveryState, move: Move) -> None:
    to = MOVES[state].get(move)
    assert to is None or to in DeliveryState
    assert (state in before(move)) == (to is not None)


@pytest.mark.parametrize("state", list(DeliveryState), ids=str)
def test_only_failed_and_doubtful_deliveries_are_sent_again(state: DeliveryState) -> None:
    if state in {DeliveryState.FAILED, DeliveryState.IN_DOUBT}:
        assert require_resendable(delivery(state)).state is state
        return
    with pytest.raises(ServiceError) as refused:
        require_resendable(delivery(state))
    assert (refused.value.reason, refused.value.metadata) == (
        "DELIVERY_NOT_FAILED",
        {"state": state},
    )


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(ServiceError, match="NOT_FOUND"):
        require_resendable(None)


def test_pauses_grow_up_to_a_limit() -> None:
    rules = RetryRules(first=timedelta(seconds=10), most=timedelta(seconds=60))
    pauses = [rules.after_refusal(attempt).total_seconds() for attempt in range(1, 6)]
    assert pauses == [10, 20, 40, 60, 60]
    assert rules.after_refusal(10_000) == timedelta(seconds=60)


def test_trying_ends_some_day() -> None:
    rules = RetryRules(give_up=timedelta(days=3))
    assert not rules.given_up(NOW, NOW + timedelta(days=2))
    assert rules.given_up(NOW, NOW + timedelta(days=3))


@pytest.mark.parametrize(
    "error",
    [
        "550 5.1.1 <ada@example.org>: Recipient address rejected",
        "mailbox ADA@Example.org is full",
        "ada@example.org",
        'quoted "ada"@example.org',
        "someone.else+tag@sub.example.co.uk said no",
    ],
    ids=str,
)
def test_no_address_stays_in_an_error(error: str) -> None:
    clean = scrubbed(error, "ada@example.org")
    assert "@" not in clean
    assert "example" not in clean.lower()


def test_an_error_is_one_short_line() -> None:
    assert scrubbed("451 4.7.1\r\n try\n later") == "451 4.7.1 try later"
    assert len(scrubbed("x" * 10_000)) == 500
