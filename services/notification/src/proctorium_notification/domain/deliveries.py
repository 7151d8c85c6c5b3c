"""A delivery: one message to one person by one channel, sent exactly once (`N2`, `N4`).

    PENDING ──mark──▶ SENDING ──taken──▶ SENT
       ▲ ▲               │ ├──refused──▶ FAILED
       │ └──put off──────┘ └──no word──▶ IN_DOUBT
       └──────────── resend (a person) ──── FAILED, IN_DOUBT

Everything before the mark can be tried again freely: the receiving server has nothing yet. After the mark only its answer tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, not_found
from proctorium_notification.domain.topics import Channel, Topic


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


class Move(StrEnum):
    """What can happen to a delivery."""

    MARK = "mark"
    """Its text is handed over in the next moment."""
    TAKEN = "taken"
    """The receiving server took it."""
    PUT_OFF = "put_off"
    """Not now: try again later."""
    REFUSED = "refused"
    """Never: refused for good, or tried too long."""
    NO_WORD = "no_word"
    """It was handed over, and nobody knows whether it was taken."""
    RESEND = "resend"
    """A person wants it sent again."""


MOVES: Mapping[DeliveryState, Mapping[Move, DeliveryState]] = {
    DeliveryState.PENDING: {
        Move.MARK: DeliveryState.SENDING,
        Move.PUT_OFF: DeliveryState.PENDING,
        Move.REFUSED: DeliveryState.FAILED,
    },
    DeliveryState.SENDING: {
        Move.TAKEN: DeliveryState.SENT,
        Move.PUT_OFF: DeliveryState.PENDING,
        Move.REFUSED: DeliveryState.FAILED,
        Move.NO_WORD: DeliveryState.IN_DOUBT,
    },
    DeliveryState.IN_DOUBT: {
        # Whoever handed it over is back with the answer after all.
        Move.TAKEN: DeliveryState.SENT,
        Move.PUT_OFF: DeliveryState.PENDING,
        Move.REFUSED: DeliveryState.FAILED,
        Move.RESEND: DeliveryState.PENDING,
    },
    DeliveryState.FAILED: {Move.RESEND: DeliveryState.PENDING},
    DeliveryState.SENT: {},
}
"""The moves of each state and where they lead. What was sent stays sent."""


def before(move: Move) -> frozenset[DeliveryState]:
    """The states that `move` is possible in."""
    return frozenset(state for state, moves in MOVES.items() if move in moves)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a person."""

    delivery_id: UUID
    person_id: UUID
    event_id: UUID
    topic: Topic
    channel: Channel
    state: DeliveryState
    attempt_count: int
    last_error: str
    created_at: datetime
    sent_at: datetime | None = None
    session_id: UUID | None = None
    subject_id: UUID | None = None
    """What the message is about beside the session: the code, the result, the certificate."""
    subject_title: str = ""
    """Its title in words, where it has one."""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """When a delivery that could not go is tried again, and when that is given up."""

    first: timedelta = timedelta(seconds=15)
    most: timedelta = timedelta(hours=1)
    unreachable: timedelta = timedelta(seconds=5)
    give_up: timedelta = timedelta(days=3)

    def after_refusal(self, attempt: int) -> timedelta:
        """The pause after the receiving server said "not now" for the `attempt`th time: doubled each time, up to `most`."""
        doublings = min(max(attempt, 1) - 1, 20)
        return min(self.first * (1 << doublings), self.most)

    def given_up(self, created_at: datetime, now: datetime) -> bool:
        """Whether it has been tried for long enough."""
        return now - created_at >= self.give_up


_ADDRESS = re.compile(r"[^\s<>(),;]*@[^\s<>(),;]*")
_READ_MOST = 2000
_ERROR_MOST = 500


def scrubbed(error: str, address: str = "") -> str:
    """`error` without mail addresses, in one line: receiving servers like to repeat whom they refuse."""
    error = error[:_READ_MOST]
    if address:
        error = re.sub(re.escape(address), "[address]", error, flags=re.IGNORECASE)
    return " ".join(_ADDRESS.sub("[address]", error).split())[:_ERROR_MOST]


def require_resendable(delivery: Delivery | None) -> Delivery:
    """The delivery, if a person may have it sent again. Raises NOT_FOUND, DELIVERY_NOT_FAILED."""
    if delivery is None:
        raise not_found("NOT_FOUND", "There is no such delivery.")
    if Move.RESEND not in MOVES[delivery.state]:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "DELIVERY_NOT_FAILED",
            f"This delivery is {delivery.state}: only one that failed or is doubtful can be sent again.",
            metadata={"state": delivery.state},
        )
    return delivery
