"""Sending mails that are due. Each mail is sent exactly once (`N2`, `N4`).

A mail is sent in these steps:

1. The delivery is claimed with a lease.
2. The mail is built, and its addresses are sent to the mail server.
3. The delivery is stored as SENDING.
4. The message is handed over to the mail server.
5. The outcome is stored.

Each change of the delivery is committed before the next step. If the process is killed before step 3, the delivery is
pending, and another sender claims it after the lease has ended. If the process is killed between steps 3 and 5, the
delivery becomes in doubt.

Batches are sent concurrently, each over its own connection. The database is the queue of mails. A sender releases the
claim of a mail if the destination of the mail is slow, or if the destination already uses as many connections as it
may. Later claims skip the mails to such destinations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from opentelemetry.trace import SpanKind

from proctorium_common.clock import Clock
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import annotate, link_to, parse_trace_context, span_from
from proctorium_notification.domain.deliveries import Delivery, RetryPolicy, redact
from proctorium_notification.domain.destinations import Destinations, Lane, destination_of
from proctorium_notification.domain.topics import CODE_TOPICS, Session, reason_not_to_send
from proctorium_notification.operations.directory import Contact, Directory
from proctorium_notification.operations.outcomes import Outcomes
from proctorium_notification.rendering.content import Content, Support
from proctorium_notification.rendering.mail import AddressError, Mail, MailBuilder
from proctorium_notification.storage import deliveries, sessions
from proctorium_notification.storage.deliveries import Claim
from proctorium_notification.storage.sender_lock import SenderLock, end_leases_of_dead_senders
from proctorium_notification.transport.smtp import (
    NoResponseError,
    RejectedError,
    SlowDestinationError,
    SmtpClient,
    SmtpConnection,
    UnreachableError,
)

_log = get_logger()


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """The limits of a sender.

    `batch_size` is the maximum number of claims in a batch. `connections` is the maximum number of concurrent
    connections to the mail server. A destination becomes slow if sending a mail to it takes longer than `slow_after`.
    `lease` is the duration of the lease of a new claim. `hand_over_lease` is the duration of the lease that starts with
    the state SENDING.
    """

    batch_size: int = 10
    connections: int = 8
    slow_after: timedelta = timedelta(seconds=3)
    lease: timedelta = timedelta(seconds=120)
    hand_over_lease: timedelta = timedelta(seconds=90)
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """The data from which the mails of one batch are built."""

    sessions: Mapping[UUID, Session]
    contacts: Mapping[UUID, Contact]
    codes: Mapping[UUID, str]
    support: Support

    def session(self, delivery: Delivery) -> Session | None:
        """Return the session of the message, or None if there is no session or the plan of the session is not known."""
        session_id = delivery.cause.session_id
        return self.sessions.get(session_id) if session_id else None


class Batch:
    """The claimed mails that one lane sends over one connection, and the destinations that this lane serves.

    `more` is True if further mails may be due.
    """

    def __init__(
        self, lane: Lane, claims: Sequence[Claim], destinations: Destinations, *, more: bool
    ) -> None:
        self.lane = lane
        self.claims = claims
        self.more = more
        self._destinations = destinations
        self._acquired: set[int] = set()
        for claim in claims:
            if claim.destination is not None:
                self._acquire(claim.destination)

    def admits(self, destination: int) -> bool:
        """Return whether the lane of the batch may send mails to the destination now.

        If the lane may send them, it is counted as a lane that serves the destination.
        """
        if destination in self._acquired:
            return self.lane is Lane.SLOW or not self._destinations.is_slow(destination)
        if not self._destinations.allows(self.lane, destination):
            return False
        self._acquire(destination)
        return True

    def release(self, *, all_but: int | None = None) -> None:
        """Release the destinations that this lane serves, except for the destination `all_but`."""
        for destination in self._acquired - {all_but}:
            self._acquired.remove(destination)
            self._destinations.release(destination)

    def _acquire(self, destination: int) -> None:
        if destination not in self._acquired:
            self._acquired.add(destination)
            self._destinations.acquire(destination)


class Sender:
    """Sends due mails. Several senders may run concurrently, in one process or in several processes."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        builder: MailBuilder,
        client: SmtpClient,
        *,
        clock: Clock,
        policy: SendingPolicy | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._builder = builder
        self._client = client
        self._clock = clock
        self._policy = policy or SendingPolicy()
        self._slow_after = self._policy.slow_after.total_seconds()
        self.destinations = Destinations(self._policy.connections, clock)
        self._lock = SenderLock(database)
        self._outcomes = Outcomes(
            database, self._policy.retry, self._policy.hand_over_lease, clock, metrics
        )

    async def close(self) -> None:
        """Release all claims that this sender still has."""
        await self._lock.close()

    async def claim(self, lane: Lane) -> Batch | None:
        """Claim and return a batch that a lane of the kind `lane` may send now, or None if there are no such mails.

        Do not call this method concurrently, because the lane is counted for its destinations only after the claim.
        """
        only = self.destinations.slow_and_free() if lane is Lane.SLOW else None
        if only is not None and not only:
            return None
        claims = await self._claim(only)
        more = len(claims) == self._policy.batch_size
        return Batch(lane, claims, self.destinations, more=more) if claims else None

    async def send(self, batch: Batch) -> bool:
        """Send the batch. Return False if the mail server or enrollment is unavailable."""
        try:
            try:
                lookup = await self._look_up(batch.claims)
            except ServiceError as error:
                await self._outcomes.record_unavailable(batch.claims, error.message)
                return False
            return await self._send_batch(batch, await self._admit(batch, lookup), lookup)
        finally:
            batch.release()

    async def _claim(self, only: AbstractSet[int] | None) -> Sequence[Claim]:
        """Claim due mails and return the claims.

        First, end the leases of dead senders, and mark the mails that these senders were handing over as in doubt.
        """
        sender_key = await self._lock.acquire()
        async with self._database.transaction() as tx:
            await end_leases_of_dead_senders(tx)
            for delivery_id in await deliveries.update_abandoned_deliveries(tx):
                _log.warning("delivery_in_doubt", delivery_id=str(delivery_id))
            return await deliveries.claim_deliveries(
                tx,
                lease_token=new_id(),
                sender_key=sender_key,
                until=tx.now + self._policy.lease,
                limit=self._policy.batch_size,
                only=only,
                without=self.destinations.blocked(),
            )

    async def _look_up(self, claims: Sequence[Claim]) -> _Lookup:
        claimed = [claim.delivery for claim in claims]
        session_ids = [each.cause.session_id for each in claimed if each.cause.session_id]
        async with self._database.transaction() as tx:
            planned = await sessions.list_planned_sessions(tx, session_ids)
        code_sessions = [
            each.cause.session_id
            for each in claimed
            if each.cause.topic in CODE_TOPICS and each.cause.session_id
        ]
        return _Lookup(
            sessions=planned,
            contacts=await self._directory.contacts(each.person_id for each in claimed),
            codes=await self._directory.codes(code_sessions),
            support=await self._directory.support(),
        )

    async def _admit(self, batch: Batch, lookup: _Lookup) -> list[Claim]:
        """Return the claims of the mails to send now.

        Mails that can never be sent are recorded as failed. The claims of mails that this lane may not send now are
        released.
        """
        admitted: list[Claim] = []
        later: list[Claim] = []
        for claim in batch.claims:
            reason = self._reason_not_to_send(claim.delivery, lookup)
            if reason is not None:
                await self._outcomes.record_failed(claim, reason)
                continue
            destination = destination_of(lookup.contacts[claim.delivery.person_id].email)
            known = replace(claim, destination=destination)
            (admitted if batch.admits(destination) else later).append(known)
        await self._outcomes.release(later)
        return admitted

    def _reason_not_to_send(self, delivery: Delivery, lookup: _Lookup) -> str | None:
        if delivery.person_id not in lookup.contacts:
            return "no address of this person is known"
        topic = delivery.cause.topic
        reason = reason_not_to_send(topic, lookup.session(delivery), self._clock())
        if (
            reason is None
            and topic in CODE_TOPICS
            and delivery.cause.subject_id not in lookup.codes
        ):
            return "the code was withdrawn or replaced before the message was sent"
        return reason

    async def _send_batch(self, batch: Batch, claims: list[Claim], lookup: _Lookup) -> bool:
        """Send the mails one after another over one connection. Return False if the mail server is unavailable."""
        # An ordinary lane stops waiting for a slow response to the recipient's address, and a slow lane sends the mail
        # later. A slow lane waits longer for the response.
        rcpt_timeout = self._slow_after if batch.lane is Lane.ORDINARY else None
        try:
            while claims:
                async with self._client.connect() as connection:
                    while claims and connection.usable:
                        sending = self._send(connection, claims[0], lookup, rcpt_timeout)
                        await self._watch(batch, claims, sending)
                        claims.pop(0)
        except SlowDestinationError:
            await self._outcomes.release(claims)
        except UnreachableError as error:
            _log.warning("mail_server_unreachable", error=redact(str(error)), pending=len(claims))
            await self._outcomes.record_unavailable(claims, str(error))
            return False
        return True

    async def _watch(
        self, batch: Batch, claims: list[Claim], sending: Coroutine[object, object, None]
    ) -> None:
        """Run the coroutine `sending`, which sends the mail of the first of `claims`.

        If the coroutine takes longer than `slow_after`, release all other claims, so that other lanes can send the
        mails of these claims.
        """
        first, task = claims[0], asyncio.create_task(sending)
        assert first.destination is not None
        try:
            done, _ = await asyncio.wait({task}, timeout=self._slow_after)
            slow = not done or isinstance(task.exception(), SlowDestinationError)
            if slow:
                if self.destinations.record_slow_response(first.destination):
                    _log.warning("destination_slow", delivery_id=str(first.delivery.delivery_id))
                batch.release(all_but=first.destination)
                # If the database is unavailable, the other mails stay claimed. This lane then sends them later.
                with suppress(ServiceError):
                    await self._outcomes.release(claims[1:])
                    del claims[1:]
            await task
        finally:
            await end(task)
        if not slow:
            self.destinations.record_quick_response(first.destination)

    async def _send(
        self,
        connection: SmtpConnection,
        claim: Claim,
        lookup: _Lookup,
        rcpt_timeout: float | None,
    ) -> None:
        """Send one mail in its own trace span. Raises UnreachableError, SlowDestinationError."""
        delivery = claim.delivery
        context = parse_trace_context(claim.traceparent)
        first = delivery.try_count == 0
        with span_from(
            context if first else None,
            f"send mail {delivery.cause.topic}",
            kind=SpanKind.CLIENT,
            links=() if first else link_to(context),
        ):
            annotate(delivery_id=delivery.delivery_id, person_id=delivery.person_id)
            if delivery.cause.session_id is not None:
                annotate(session_id=delivery.cause.session_id)
            mail = await self._build(claim, lookup)
            if mail is not None:
                address = lookup.contacts[delivery.person_id].email
                await self._deliver(connection, claim, mail, address, rcpt_timeout)

    async def _deliver(
        self,
        connection: SmtpConnection,
        claim: Claim,
        mail: Mail,
        address: str,
        rcpt_timeout: float | None,
    ) -> None:
        try:
            await connection.send_addresses(mail, rcpt_timeout)
        except RejectedError as rejection:
            await self._outcomes.record_rejected(claim, rejection, address, tries=1)
            await connection.reset()
            return
        if not await self._outcomes.record_sending(claim):
            await connection.reset()
            return
        try:
            await connection.hand_over(mail)
        except RejectedError as rejection:
            await self._outcomes.record_rejected(claim, rejection, address, tries=0)
        except NoResponseError as error:
            await self._outcomes.record_in_doubt(claim, redact(str(error), address))
        else:
            await self._outcomes.record_sent(claim)

    async def _build(self, claim: Claim, lookup: _Lookup) -> Mail | None:
        """Return the mail, or None if the mail cannot be built.

        A delivery whose mail cannot be built is recorded as failed, so that it does not delay other mails.
        """
        delivery = claim.delivery
        try:
            return self._builder.build(
                self._content(delivery, lookup),
                lookup.contacts[delivery.person_id].reader,
                lookup.support,
                delivery_id=delivery.delivery_id,
                email=lookup.contacts[delivery.person_id].email,
                now=self._clock(),
            )
        except AddressError:
            await self._outcomes.record_failed(claim, "the address of this person is not valid")
        # The delivery fails without a retry, because a defect in a template would cause the same error each time.
        except Exception:  # noqa: BLE001 - any defect of one mail must not stop the others
            _log.exception("mail_not_built", delivery_id=str(delivery.delivery_id))
            await self._outcomes.record_failed(claim, "the message could not be written")
        return None

    def _content(self, delivery: Delivery, lookup: _Lookup) -> Content:
        cause = delivery.cause
        return Content(
            topic=cause.topic,
            session=lookup.session(delivery),
            subject_id=cause.subject_id,
            code=(
                lookup.codes[cause.subject_id]
                if cause.topic in CODE_TOPICS and cause.subject_id
                else ""
            ),
            subject_title=cause.subject_title,
        )
