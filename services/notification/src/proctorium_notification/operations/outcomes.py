"""Storing the outcome of each try to send a mail.

Each outcome is stored together with its event, and is logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import stamina

from proctorium_common.clock import Clock
from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Database
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.metrics import DELAY_BOUNDS, Metrics
from proctorium_notification import events
from proctorium_notification.domain.deliveries import DeliveryState, RetryPolicy, redact
from proctorium_notification.storage import deliveries
from proctorium_notification.storage.deliveries import Claim
from proctorium_notification.transport.smtp import RejectedError

_log = get_logger()


class Outcomes:
    """Stores the outcomes of one sender. Each outcome has its own transaction.

    The argument `tries` of the methods is added to the number of tries of the delivery. It is 1 if the try failed
    before the delivery was in the state SENDING. Otherwise it is 0, because the change to SENDING has already counted
    the try.
    """

    def __init__(
        self,
        database: Database,
        retry: RetryPolicy,
        hand_over_lease: timedelta,
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._retry = retry
        self._hand_over_lease = hand_over_lease
        self._clock = clock
        self._delays = (metrics or Metrics("unnamed")).histogram(
            "notification.mail.delay",
            "Time from the creation of a mail until its outcome",
            bounds=DELAY_BOUNDS,
        )

    async def record_sending(self, claim: Claim) -> bool:
        """Record that the message is about to be handed over, and return True.

        Return False if the claim is not valid any more. In that case, the caller must not hand the message over.
        """
        async with self._database.transaction() as tx:
            leased_until = tx.now + self._hand_over_lease
            return await deliveries.update_delivery_to_sending(tx, claim, leased_until)

    async def record_sent(self, claim: Claim) -> None:
        """Record that the mail server accepted the message.

        The acceptance is recorded nowhere else, so this method retries while the database is unavailable.
        """
        async for attempt in stamina.retry_context(
            on=ServiceError, attempts=20, timeout=self._hand_over_lease, wait_max=2.0
        ):
            with attempt:
                async with self._database.transaction() as tx:
                    if await deliveries.update_delivery_to_sent(tx, claim):
                        tx.record(events.delivery_sent(claim.delivery))
        _log.info("delivery_sent", delivery_id=str(claim.delivery.delivery_id))
        self._record_delay(claim, DeliveryState.SENT)

    async def record_rejected(
        self, claim: Claim, rejection: RejectedError, address: str, *, tries: int
    ) -> None:
        """Record that the mail server rejected the message. A temporarily rejected message is retried later."""
        error = redact(str(rejection), address)
        if rejection.permanent:
            await self.record_failed(claim, error, tries=tries)
        else:
            delay = self._retry.backoff(claim.delivery.try_count + 1)
            await self._record_deferred(claim, delay, error, tries=tries)

    async def record_unavailable(self, claims: Sequence[Claim], error: str) -> None:
        """Record that the mail server or enrollment was unavailable. The number of tries does not change."""
        for claim in claims:
            await self._record_deferred(claim, self._retry.unavailable, redact(error), tries=0)

    async def record_failed(self, claim: Claim, error: str, *, tries: int = 0) -> None:
        """Record that the message cannot be sent."""
        async with self._database.transaction() as tx:
            if await deliveries.update_delivery_to_failed(tx, claim, error=error, tries=tries):
                tx.record(events.delivery_failed(claim.delivery))
        _log.warning("delivery_failed", delivery_id=str(claim.delivery.delivery_id), error=error)
        self._record_delay(claim, DeliveryState.FAILED)

    async def record_in_doubt(self, claim: Claim, error: str) -> None:
        """Record that the message was handed over, but no valid response was received."""
        async with self._database.transaction() as tx:
            await deliveries.update_delivery_to_in_doubt(tx, claim, error=error)
        _log.warning("delivery_in_doubt", delivery_id=str(claim.delivery.delivery_id))
        self._record_delay(claim, DeliveryState.IN_DOUBT)

    async def release(self, claims: Sequence[Claim]) -> None:
        """Release the claims of mails that this sender does not send now."""
        if claims:
            async with self._database.transaction() as tx:
                await deliveries.release_claims(tx, claims)

    def _record_delay(self, claim: Claim, outcome: DeliveryState) -> None:
        delay = (self._clock() - claim.delivery.created_at).total_seconds()
        self._delays.record(max(0.0, delay), {"outcome": outcome})

    async def _record_deferred(
        self, claim: Claim, delay: timedelta, error: str, *, tries: int
    ) -> None:
        if self._retry.is_over(claim.delivery.created_at, self._clock()):
            await self.record_failed(claim, f"given up: {error}", tries=tries)
            return
        async with self._database.transaction() as tx:
            await deliveries.update_delivery_to_pending(
                tx, claim, next_try_at=tx.now + delay, error=error, tries=tries
            )
