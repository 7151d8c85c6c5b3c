"""Sends the mails that are due, each exactly once (`N2`, `N4`).

A mail is claimed (a lease), written, announced to the mail server, *marked*, handed over, and its outcome is saved. Each of these is
committed before the next begins, so a process that dies leaves one of three things behind: an unmarked delivery, which the next
sender takes when the lease is over; a marked one, which becomes in doubt; or one that is done.

Batches are sent concurrently, each over a connection of its own. The database is the queue: mails that may not be sent now, because their
destination is slow or all its connections are in use, are released, and later claims skip them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import stamina
from opentelemetry.trace import SpanKind

from proctorium.notification.events.v1 import events_pb2
from proctorium_common.clock import Clock
from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.tasks import end
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.traces import annotate, link_to, parse_trace_context, span_from
from proctorium_notification.domain.deliveries import RetryRules, scrubbed
from proctorium_notification.domain.destinations import Destinations, Lane, destination_of
from proctorium_notification.domain.topics import CARRYING_A_CODE, Session, pointless
from proctorium_notification.messages.contents import Content, Help
from proctorium_notification.messages.mail import AddressError, Mail, MailMaker
from proctorium_notification.operations.directory import Contact, Directory
from proctorium_notification.operations.words import CHANNELS, TOPICS
from proctorium_notification.storage import deliveries as kept
from proctorium_notification.storage import sessions
from proctorium_notification.storage.deliveries import Claimed
from proctorium_notification.storage.presence import Presence, end_abandoned_leases
from proctorium_notification.transport.smtp import (
    Line,
    NoResponseError,
    Postbox,
    RejectedError,
    SlowDestinationError,
    UnreachableError,
)

_log = get_logger()


@dataclass(frozen=True, slots=True)
class SendingRules:
    """Limits of a sender: deliveries in a batch, the lease of a claim, and the lease while a message is handed over.

    `connections` is the most concurrent connections to the mail server; a destination is slow when a mail to it takes longer than `slow_after`.
    """

    batch: int = 10
    connections: int = 8
    slow_after: timedelta = timedelta(seconds=3)
    lease: timedelta = timedelta(seconds=120)
    handing_over: timedelta = timedelta(seconds=90)
    retry: RetryRules = field(default_factory=RetryRules)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was looked up for one batch."""

    sessions: Mapping[UUID, Session]
    contacts: Mapping[UUID, Contact]
    codes: Mapping[UUID, str]
    help: Help


class Batch:
    """Claimed mails that are sent over one connection, and the destinations that it serves.

    `more` says whether further mails may be due.
    """

    def __init__(
        self, lane: Lane, claimed: Sequence[Claimed], destinations: Destinations, *, more: bool
    ) -> None:
        self.lane = lane
        self.claimed = claimed
        self.more = more
        self._destinations = destinations
        self._acquired: set[int] = set()
        for one in claimed:
            if one.destination is not None:
                self._acquire(one.destination)

    def admits(self, destination: int) -> bool:
        """Return whether the batch may send to the destination now; if so, it counts as serving it."""
        if destination in self._acquired:
            return self.lane is Lane.SLOW or not self._destinations.is_slow(destination)
        if not self._destinations.open_to(self.lane, destination):
            return False
        self._acquire(destination)
        return True

    def release(self, *, all_but: int | None = None) -> None:
        """Stop serving all destinations, or all but one."""
        for destination in self._acquired - {all_but}:
            self._acquired.remove(destination)
            self._destinations.release(destination)

    def _acquire(self, destination: int) -> None:
        if destination not in self._acquired:
            self._acquired.add(destination)
            self._destinations.acquire(destination)


class Sender:
    """Sends what is due. Any number of them may run, in any number of processes."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        maker: MailMaker,
        postbox: Postbox,
        *,
        clock: Clock,
        rules: SendingRules | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._maker = maker
        self._postbox = postbox
        self._clock = clock
        self._rules = rules or SendingRules()
        self._slow_after = self._rules.slow_after.total_seconds()
        self.destinations = Destinations(self._rules.connections, clock)
        self._presence = Presence(database)

    async def close(self) -> None:
        """Gives up what is left of its claims."""
        await self._presence.close()

    async def claim(self, lane: Lane) -> Batch | None:
        """Claim a batch that a lane of this kind may send now. Must not run concurrently: claimed mails are counted only when it returns."""
        only = self.destinations.slow_and_open() if lane is Lane.SLOW else None
        if only is not None and not only:
            return None
        claimed = await self._claim(only)
        more = len(claimed) == self._rules.batch
        return Batch(lane, claimed, self.destinations, more=more) if claimed else None

    async def send(self, batch: Batch) -> bool:
        """Send the batch; return False if the mail server or enrollment is unavailable."""
        try:
            try:
                known = await self._look_up(batch.claimed)
            except ServiceError as failure:
                await self._put_off_all(batch.claimed, failure.message)
                return False
            return await self._send_all(batch, await self._admitted(batch, known), known)
        finally:
            batch.release()

    async def _claim(self, only: AbstractSet[int] | None) -> Sequence[Claimed]:
        """Claim due mails, and first clean up after senders that died."""
        sender_key = await self._presence.key()
        async with self._database.transaction() as tx:
            await end_abandoned_leases(tx)
            for delivery_id in await kept.doubt_abandoned(tx):
                _log.warning("delivery_in_doubt", delivery_id=str(delivery_id))
            return await kept.claim_due(
                tx,
                lease=new_id(),
                sender_key=sender_key,
                until=tx.now + self._rules.lease,
                limit=self._rules.batch,
                only=only,
                without=self.destinations.closed(),
            )

    async def _look_up(self, claimed: Sequence[Claimed]) -> _Known:
        wanted = [one.delivery for one in claimed]
        async with self._database.transaction() as tx:
            known = await sessions.planned_sessions(
                tx, [delivery.session_id for delivery in wanted if delivery.session_id]
            )
        of_codes = [
            delivery.session_id
            for delivery in wanted
            if delivery.topic in CARRYING_A_CODE and delivery.session_id
        ]
        return _Known(
            sessions=known,
            contacts=await self._directory.contacts(delivery.person_id for delivery in wanted),
            codes=await self._directory.codes(of_codes),
            help=await self._directory.help(),
        )

    async def _admitted(self, batch: Batch, known: _Known) -> list[Claimed]:
        """Return the mails to send now. Mails that cannot be sent fail; those that this batch may not send now are released."""
        admitted: list[Claimed] = []
        later: list[Claimed] = []
        for one in batch.claimed:
            if await self._sendable(one, known):
                email = known.contacts[one.delivery.person_id].email
                going = replace(one, destination=destination_of(email))
                (admitted if batch.admits(destination_of(email)) else later).append(going)
        await self._give_back(later)
        return admitted

    async def _give_back(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            async with self._database.transaction() as tx:
                await kept.give_back(tx, claimed)

    async def _sendable(self, claimed: Claimed, known: _Known) -> bool:
        """Whether there is something to send and somebody to send it to; what is not fails with the reason."""
        reason = self._why_not(claimed, known)
        if reason is not None:
            await self._refused(claimed, reason, tried=False)
        return reason is None

    def _why_not(self, claimed: Claimed, known: _Known) -> str | None:
        delivery = claimed.delivery
        if delivery.person_id not in known.contacts:
            return "nobody knows where to write to this person"
        session = known.sessions.get(delivery.session_id) if delivery.session_id else None
        why = pointless(delivery.topic, session, self._clock())
        if (
            why is None
            and delivery.topic in CARRYING_A_CODE
            and delivery.subject_id not in known.codes
        ):
            return "the code was withdrawn or replaced before the message went out"
        return why

    async def _send_all(self, batch: Batch, waiting: list[Claimed], known: _Known) -> bool:
        """Sends one after the other over one line; False when the mail server takes nothing now."""
        # An ordinary lane leaves a slow recipient to the slow lanes, which wait for the response.
        patience = self._slow_after if batch.lane is Lane.ORDINARY else None
        try:
            while waiting:
                async with self._postbox.connected() as line:
                    while waiting and line.answers:
                        sending = self._send(line, waiting[0], known, patience)
                        await self._watched(batch, waiting, sending)
                        waiting.pop(0)
        except SlowDestinationError:
            await self._give_back(waiting)
        except UnreachableError as failure:
            _log.warning(
                "mail_server_unreachable", error=scrubbed(str(failure)), waiting=len(waiting)
            )
            await self._put_off_all(waiting, str(failure))
            return False
        return True

    async def _watched(
        self, batch: Batch, waiting: list[Claimed], sending: Coroutine[object, object, None]
    ) -> None:
        """Send the first of `waiting`; if that takes long, release the others so that they need not wait for it."""
        first, task = waiting[0], asyncio.create_task(sending)
        assert first.destination is not None
        try:
            done, _ = await asyncio.wait({task}, timeout=self._slow_after)
            slow = not done or isinstance(task.exception(), SlowDestinationError)
            if slow:
                self._found_slow(first)
                batch.release(all_but=first.destination)
                # If the database is unavailable they stay claimed and are sent by this lane afterwards.
                with suppress(ServiceError):
                    await self._give_back(waiting[1:])
                    del waiting[1:]
            await task
        finally:
            await end(task)
        if not slow:
            self.destinations.answered_quickly(first.destination)

    def _found_slow(self, claimed: Claimed) -> None:
        assert claimed.destination is not None
        if self.destinations.answered_slowly(claimed.destination):
            _log.warning("destination_slow", delivery_id=str(claimed.delivery.delivery_id))

    async def _send(
        self, line: Line, claimed: Claimed, known: _Known, patience: float | None
    ) -> None:
        """Send one mail. Raises UnreachableError if the mail server accepts no mail now, SlowDestinationError if its response takes longer than `patience`."""
        delivery = claimed.delivery
        place = parse_trace_context(claimed.traceparent)
        first = delivery.attempt_count == 0
        with span_from(
            place if first else None,
            f"send mail {delivery.topic}",
            kind=SpanKind.CLIENT,
            links=() if first else link_to(place),
        ):
            annotate(delivery_id=delivery.delivery_id, person_id=delivery.person_id)
            if delivery.session_id is not None:
                annotate(session_id=delivery.session_id)
            await self._send_written(line, claimed, known, patience)

    async def _send_written(
        self, line: Line, claimed: Claimed, known: _Known, patience: float | None
    ) -> None:
        contact = known.contacts[claimed.delivery.person_id]
        mail = await self._written(claimed, contact, known)
        if mail is None:
            return
        try:
            await line.announce(mail, patience)
        except RejectedError as answer:
            await self._not_taken(claimed, answer, contact, tried=True)
            await line.forget()
            return
        if not await self._mark(claimed):
            await line.forget()
            return
        try:
            await line.hand_over(mail)
        except RejectedError as answer:
            await self._not_taken(claimed, answer, contact, tried=False)
        except NoResponseError as failure:
            await self._no_word(claimed, scrubbed(str(failure), contact.email))
        else:
            await self._taken(claimed)

    async def _written(self, claimed: Claimed, contact: Contact, known: _Known) -> Mail | None:
        """The mail, or None when it cannot be written: then it has failed, and does not hold up the others."""
        try:
            return self._write(claimed, contact, known)
        except AddressError:
            await self._refused(claimed, "the address cannot be written to", tried=False)
        # A template that breaks is our fault, and would break in the same way each time.
        except Exception:  # noqa: BLE001 - whatever it is, the other mails must go
            _log.exception("mail_not_written", delivery_id=str(claimed.delivery.delivery_id))
            await self._refused(claimed, "the message could not be written", tried=False)
        return None

    def _write(self, claimed: Claimed, contact: Contact, known: _Known) -> Mail:
        delivery = claimed.delivery
        content = Content(
            topic=delivery.topic,
            session=known.sessions.get(delivery.session_id) if delivery.session_id else None,
            subject_id=delivery.subject_id,
            code=known.codes[delivery.subject_id]
            if delivery.topic in CARRYING_A_CODE and delivery.subject_id
            else "",
            subject_title=delivery.subject_title,
        )
        return self._maker.make(
            content,
            contact.reader,
            known.help,
            delivery_id=delivery.delivery_id,
            email=contact.email,
            now=self._clock(),
        )

    async def _mark(self, claimed: Claimed) -> bool:
        async with self._database.transaction() as tx:
            return await kept.mark(tx, claimed, tx.now + self._rules.handing_over)

    async def _taken(self, claimed: Claimed) -> None:
        """Saves what only this process knows, and goes on trying while the database is away for a moment."""
        async for attempt in stamina.retry_context(
            on=ServiceError, attempts=20, timeout=self._rules.handing_over, wait_max=2.0
        ):
            with attempt:
                async with self._database.transaction() as tx:
                    if await kept.save_taken(tx, claimed):
                        _record_sent(tx, claimed)
        _log.info("delivery_sent", delivery_id=str(claimed.delivery.delivery_id))

    async def _not_taken(
        self, claimed: Claimed, answer: RejectedError, contact: Contact, *, tried: bool
    ) -> None:
        error = scrubbed(str(answer), contact.email)
        if answer.permanent:
            await self._refused(claimed, error, tried=tried)
        else:
            attempt = claimed.delivery.attempt_count + 1
            pause = self._rules.retry.after_refusal(attempt)
            await self._put_off(claimed, pause, error, tried=tried)

    async def _put_off(
        self, claimed: Claimed, pause: timedelta, error: str, *, tried: bool
    ) -> None:
        """Tries again after the pause, or never, when it has been tried for long enough."""
        if self._rules.retry.given_up(claimed.delivery.created_at, self._clock()):
            await self._refused(claimed, f"given up: {error}", tried=tried)
            return
        async with self._database.transaction() as tx:
            await kept.put_off(tx, claimed, until=tx.now + pause, error=error, tried=tried)

    async def _put_off_all(self, claimed: Sequence[Claimed], error: str) -> None:
        for one in claimed:
            await self._put_off(one, self._rules.retry.unreachable, scrubbed(error), tried=False)

    async def _refused(self, claimed: Claimed, error: str, *, tried: bool) -> None:
        async with self._database.transaction() as tx:
            if await kept.save_refused(tx, claimed, error=error, tried=tried):
                _record_failed(tx, claimed)
        _log.warning("delivery_failed", delivery_id=str(claimed.delivery.delivery_id), error=error)

    async def _no_word(self, claimed: Claimed, error: str) -> None:
        async with self._database.transaction() as tx:
            await kept.save_no_word(tx, claimed, error=error)
        _log.warning("delivery_in_doubt", delivery_id=str(claimed.delivery.delivery_id))


def _record_sent(tx: Transaction, claimed: Claimed) -> None:
    delivery = claimed.delivery
    tx.record(
        events_pb2.DeliverySent(
            delivery_id=str(delivery.delivery_id),
            person_id=str(delivery.person_id),
            topic=TOPICS[delivery.topic],
            channel=CHANNELS[delivery.channel],
        )
    )


def _record_failed(tx: Transaction, claimed: Claimed) -> None:
    delivery = claimed.delivery
    tx.record(
        events_pb2.DeliveryFailed(
            delivery_id=str(delivery.delivery_id),
            person_id=str(delivery.person_id),
            topic=TOPICS[delivery.topic],
            channel=CHANNELS[delivery.channel],
        )
    )
