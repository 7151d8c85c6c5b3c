"""Deliveries and their states (`N2`, `N4`).

A delivery is one message to one person by one channel. It is sent exactly once. Before the state SENDING, the mail
server has received no part of the message, so the delivery can be retried after any failure. From the state SENDING on,
the mail server may have accepted the message, and only the response of the mail server shows whether the message was
accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, not_found
from proctorium_common.states import StateMachine, Transition
from proctorium_notification.domain.topics import Channel, Topic


class DeliveryState(StrEnum):
    """The states of a delivery."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


class DeliveryAction(StrEnum):
    """The actions that change the state of a delivery."""

    HAND_OVER = "hand_over"
    ACCEPT = "accept"
    DEFER = "defer"
    FAIL = "fail"
    DOUBT = "doubt"
    RESEND = "resend"


_SYSTEM = frozenset({"system"})
_UNSETTLED = frozenset({DeliveryState.SENDING, DeliveryState.IN_DOUBT})

DELIVERY_STATES: StateMachine[DeliveryState, DeliveryAction] = StateMachine(
    "delivery",
    DeliveryState,
    # The initial state of a message in the application is SENT, because storing the message delivers it.
    initial=(DeliveryState.PENDING, DeliveryState.SENT),
    transitions=(
        Transition(
            DeliveryAction.HAND_OVER,
            frozenset({DeliveryState.PENDING}),
            DeliveryState.SENDING,
            _SYSTEM,
            "The message is handed over to the mail server next.",
        ),
        # A slow sender may receive the response after the delivery was marked as in doubt. The sender then still stores
        # the response.
        Transition(
            DeliveryAction.ACCEPT,
            _UNSETTLED,
            DeliveryState.SENT,
            _SYSTEM,
            "The mail server accepted the message; delivery.sent is published.",
        ),
        Transition(
            DeliveryAction.DEFER,
            _UNSETTLED | {DeliveryState.PENDING},
            DeliveryState.PENDING,
            _SYSTEM,
            "It is retried after a backoff.",
        ),
        Transition(
            DeliveryAction.FAIL,
            _UNSETTLED | {DeliveryState.PENDING},
            DeliveryState.FAILED,
            _SYSTEM,
            "The reason is stored; delivery.failed is published.",
        ),
        Transition(
            DeliveryAction.DOUBT,
            frozenset({DeliveryState.SENDING}),
            DeliveryState.IN_DOUBT,
            _SYSTEM,
            "It is not sent again automatically.",
        ),
        Transition(
            DeliveryAction.RESEND,
            frozenset({DeliveryState.FAILED, DeliveryState.IN_DOUBT}),
            DeliveryState.PENDING,
            frozenset({"administrator"}),
            "It is sent again with the same Message-ID.",
        ),
    ),
    sentences={
        DeliveryState.PENDING: "This message is waiting to be sent.",
        DeliveryState.SENDING: "This message is being sent.",
        DeliveryState.SENT: "This message was sent.",
        DeliveryState.FAILED: "This message could not be sent.",
        DeliveryState.IN_DOUBT: "It is not known whether the mail server accepted this message.",
    },
)
"""The state machine of deliveries. A trigger on the table `deliveries` allows the same transitions."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that causes messages, with the topic, the session and the subject of the messages."""

    event_id: UUID
    topic: Topic
    session_id: UUID | None = None
    subject_id: UUID | None = None
    """The id of the subject: the code, the attempt or the certificate that the messages are about."""
    subject_title: str = ""
    """The title of the subject, or empty if the subject has no title."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one person by one channel."""

    delivery_id: UUID
    person_id: UUID
    channel: Channel
    cause: Cause
    state: DeliveryState
    try_count: int
    last_error: str
    created_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delays before a delivery is retried, and the age at which a delivery fails instead of being retried."""

    first: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(hours=1)
    unavailable: timedelta = timedelta(seconds=5)
    give_up_after: timedelta = timedelta(days=3)

    def backoff(self, tries: int) -> timedelta:
        """Return the delay before the next try of a message that the mail server has deferred `tries` times.

        The delay after the first try is `first`. The delay doubles after each further try, up to `longest`.
        """
        doublings = min(max(tries, 1) - 1, 20)
        return min(self.first * (1 << doublings), self.longest)

    def is_over(self, created_at: datetime, now: datetime) -> bool:
        """Return whether a delivery is too old to be retried."""
        return now - created_at >= self.give_up_after


_ADDRESS = re.compile(r"[^\s<>(),;]*@[^\s<>(),;]*")
_MAX_ERROR_READ = 2000
_MAX_ERROR_STORED = 500


def redact(error: str, address: str = "") -> str:
    """Return `error` as one line of at most 500 characters, in which mail addresses are replaced.

    The replacement is needed, because mail servers often repeat the address of the recipient in their responses.
    """
    error = error[:_MAX_ERROR_READ]
    if address:
        error = re.sub(re.escape(address), "[address]", error, flags=re.IGNORECASE)
    return " ".join(_ADDRESS.sub("[address]", error).split())[:_MAX_ERROR_STORED]


def require_resendable(delivery: Delivery | None) -> None:
    """Raise NOT_FOUND or DELIVERY_NOT_FAILED unless the delivery has failed or is in doubt."""
    if delivery is None:
        raise not_found("NOT_FOUND", "There is no such delivery.")
    if not DELIVERY_STATES.allows(delivery.state, DeliveryAction.RESEND):
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "DELIVERY_NOT_FAILED",
            f"This delivery is {delivery.state}: only one that failed or is in doubt can be sent again.",
            metadata={"state": delivery.state},
        )
