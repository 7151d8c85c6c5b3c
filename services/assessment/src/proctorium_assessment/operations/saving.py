"""Saving answers (`A6`). Saves are frequent requests, so the saves of many learners share one transaction.

Each learner gets a receipt after the commit. A save depends only on the database, not on another service or NATS. Most
batches need only one statement. Such a batch does not read the rows of the attempts, because the process has a snapshot
of each row from the last save.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import AnswerSheet, Change, Receipt, SheetSnapshot
from proctorium_assessment.domain.attempts import not_your_attempt
from proctorium_assessment.operations.attempt_cache import AttemptCache, CachedAttempt
from proctorium_assessment.operations.published_assessments import PublishedAssessments
from proctorium_assessment.storage import answers
from proctorium_common.clock import Clock
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import annotate


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """A change that the learner sent.

    `answer` is an encoded `Answer` message. The encoding is not always canonical.
    """

    sequence: int
    item_id: str
    answer: bytes
    client_time: datetime | None
    writer_epoch: int = 0


@dataclass(slots=True, eq=False)
class _Request:
    attempt: CachedAttempt
    changes: Sequence[Change]
    received_at: datetime
    outcome: Receipt | ServiceError | None = None


_CONCURRENT_BATCHES = 3
"""The maximum number of concurrent batches. Each batch uses its own connection."""

_MIN_REQUESTS = 4
"""The number of waiting requests at which another concurrent batch is started.

For fewer requests, one more commit costs more than the wait.
"""

_LINGER = 0.003
"""The time in seconds for which requests are collected after a batch, so that batches are larger under load."""

_FAILURES = frozenset({Kind.EXHAUSTED, Kind.INTERNAL, Kind.TIMED_OUT, Kind.UNAVAILABLE})
"""The kinds of errors that are failures of the service. Other errors are refusals of the learner's request."""

_ByAttempt = Mapping[CachedAttempt, Sequence[_Request]]


class AnswerSaver:
    """Saves answers in batches. A process has one instance, and closes the instance before the database."""

    def __init__(
        self,
        database: Database,
        published: PublishedAssessments,
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> None:
        self._clock = clock
        self._durations = (metrics or Metrics("unnamed")).histogram(
            "assessment.save.duration", "Time from a request to save answers until its outcome"
        )
        self._cache = AttemptCache(database, published)
        self._connections = database.extra_connections(_CONCURRENT_BATCHES)
        self._batcher: Batcher[_Request, Receipt | ServiceError] = Batcher(
            self._flush,
            concurrency=_CONCURRENT_BATCHES,
            min_items=_MIN_REQUESTS,
            key=_attempt_of,
            linger=_LINGER,
        )

    async def save(
        self, person_id: UUID | None, attempt_id: str, sent: Sequence[SentAnswer]
    ) -> Receipt:
        """Save all changes or none, and return the receipt after the commit.

        Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED, ITEM_NOT_IN_ATTEMPT, ANSWER_INVALID, WRITER_EPOCH_UNKNOWN or
        SEQUENCE_REUSED. Late changes are stored as late answers before ATTEMPT_SUBMITTED or TIME_LIMIT_EXCEEDED is
        raised.
        """
        started, outcome = time.perf_counter(), "failed"
        try:
            receipt = await self._save(person_id, attempt_id, sent)
            outcome = "saved"
            return receipt
        except ServiceError as error:
            if error.kind not in _FAILURES:
                outcome = "refused"
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._durations.record(time.perf_counter() - started, {"outcome": outcome})

    async def _save(
        self, person_id: UUID | None, attempt_id: str, sent: Sequence[SentAnswer]
    ) -> Receipt:
        received_at = self._clock()
        attempt = self._cache.get(attempt_id) or await self._cache.load(person_id, attempt_id)
        if attempt.person_id != person_id:
            raise not_your_attempt()
        annotate(session_id=attempt.session_id, participant_id=attempt.participant_id)
        changes = [_validated(attempt, each) for each in sent]
        outcome = await self._batcher.submit(_Request(attempt, changes, received_at))
        if isinstance(outcome, ServiceError):
            raise outcome
        return outcome

    async def prepare(self, person_id: UUID | None, attempt_id: str) -> None:
        """Add the attempt to the cache. Later saves need no read, so they reach the batcher in order.

        If the read fails with a ServiceError, this method ignores the error, because the next save raises it.
        """
        if self._cache.get(attempt_id) is None:
            with suppress(ServiceError):
                await self._cache.load(person_id, attempt_id)

    async def close(self) -> None:
        """Refuse new saves, and return when all accepted saves are done."""
        await self._batcher.close()
        await self._connections.close()

    async def _flush(self, batch: Sequence[_Request]) -> list[Receipt | ServiceError]:
        by_attempt: dict[CachedAttempt, list[_Request]] = {}
        for request in batch:
            request.outcome = None
            by_attempt.setdefault(request.attempt, []).append(request)
        rest = await self._save_by_snapshot(by_attempt)
        if rest:
            await self._save_with_lock(rest)
        return [request.outcome for request in batch if request.outcome is not None]

    async def _save_by_snapshot(self, by_attempt: _ByAttempt) -> _ByAttempt:
        """Save the requests of the attempts whose rows still equal their snapshots.

        Return the requests of all other attempts. Nothing was saved for these requests.
        """
        now = self._clock()
        sheets: dict[CachedAttempt, AnswerSheet] = {}
        for attempt, requests in by_attempt.items():
            # If the statement below fails, the content of the attempt's row is unknown. So the snapshot is removed
            # here, and is set again after the statement succeeds.
            snapshot, attempt.snapshot = attempt.snapshot, None
            if snapshot is not None and _are_new(requests, snapshot):
                sheets[attempt] = AnswerSheet(attempt.attempt_id, snapshot)
                _save_requests(sheets[attempt], requests, now)
        if not sheets:
            return by_attempt
        async with self._connections.connected() as connection:
            updated = await answers.update_sheets(connection, sheets.values())
        for attempt, sheet in sheets.items():
            if sheet.attempt_id in updated:
                attempt.snapshot = sheet.snapshot
        return {
            attempt: requests
            for attempt, requests in by_attempt.items()
            if attempt.snapshot is None
        }

    async def _save_with_lock(self, by_attempt: _ByAttempt) -> None:
        """Save the requests of the attempts after reading and locking the attempts' rows."""
        requested = {
            attempt.attempt_id: [change.sequence for each in requests for change in each.changes]
            for attempt, requests in by_attempt.items()
        }
        async with self._connections.connected() as connection, connection.transaction():
            sheets = await answers.lock_sheets(connection, requested)
            now = self._clock()
            for attempt, requests in by_attempt.items():
                _save_requests(sheets[attempt.attempt_id], requests, now)
            await answers.update_sheets(connection, sheets.values())
        for attempt in by_attempt:
            attempt.snapshot = sheets[attempt.attempt_id].snapshot


def _attempt_of(request: _Request) -> CachedAttempt:
    return request.attempt


def _validated(attempt: CachedAttempt, sent: SentAnswer) -> Change:
    item = attempt.item(sent.item_id)
    return Change(
        sent.sequence,
        item.item_id,
        item.canonical(sent.answer),
        sent.client_time,
        sent.writer_epoch,
    )


def _are_new(requests: Sequence[_Request], snapshot: SheetSnapshot) -> bool:
    """Return whether every sequence number is new, and every writer epoch is known.

    If so, neither a stored revision nor the attempt's row needs to be read.
    """
    last, epoch = snapshot.last_sequence, snapshot.writer_epoch
    return all(
        change.sequence > last and change.writer_epoch <= epoch
        for request in requests
        for change in request.changes
    )


def _save_requests(sheet: AnswerSheet, requests: Sequence[_Request], now: datetime) -> None:
    """Set the outcome of each request of one attempt. An error in one request does not affect any other request."""
    for request in requests:
        try:
            request.outcome = sheet.save(request.changes, request.received_at, now)
        except ServiceError as error:
            request.outcome = error
