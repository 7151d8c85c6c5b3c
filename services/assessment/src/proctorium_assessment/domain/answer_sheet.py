"""The rules for saving the answers of an attempt (`A6`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from proctorium_assessment.domain import attempts
from proctorium_assessment.domain.attempts import AttemptState
from proctorium_assessment.domain.receipts import link
from proctorium_common.errors import already_exists


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one answer by the learner; `answer` has its canonical bytes, or is empty if it was removed."""

    sequence: int
    item_id: UUID
    answer: bytes
    client_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A stored change. A late one is not part of the hash chain: its `position` and `head` are None."""

    sequence: int
    item_id: UUID
    answer: bytes
    saved_at: datetime
    position: int | None
    head: bytes | None

    @property
    def is_late(self) -> bool:
        """Whether the change was received after the deadline or the submission, so that it does not count."""
        return self.position is None

    def is_repeated_by(self, change: Change) -> bool:
        """Return whether `change` is this revision, sent again."""
        return self.item_id == change.item_id and self.answer == change.answer


class SavedAnswer(NamedTuple):
    """The newest answer to a question, as its learner reads it."""

    item_id: UUID
    sequence: int
    answer: bytes
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision to insert, with the times that only its row has."""

    revision: Revision
    client_time: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The return value of a save: the position of each sequence number, the last head, and the time of the commit."""

    sequences: tuple[int, ...]
    positions: tuple[int, ...]
    head: bytes
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class SheetSnapshot:
    """The columns of an attempt's row on which saving depends. `version` changes with the state and the deadline."""

    state: AttemptState
    deadline: datetime | None
    version: int
    head: bytes
    length: int
    last_sequence: int


class AnswerSheet:
    """The answers of one attempt, of which `snapshot` is the row: it is locked, or compared with the row on writing.

    `revisions` are the stored revisions whose sequence numbers can be repeated: those up to `last_sequence` in the
    requests. `save` appends to `added`, which is to be written with the new head in one transaction.
    """

    def __init__(
        self, attempt_id: UUID, snapshot: SheetSnapshot, revisions: Iterable[Revision] = ()
    ) -> None:
        self.attempt_id = attempt_id
        self.loaded = snapshot
        self.state = snapshot.state
        self.deadline = snapshot.deadline
        self.head = snapshot.head
        self.length = snapshot.length
        self.last_sequence = snapshot.last_sequence
        self.added: list[NewRevision] = []
        self._stored: dict[int, Revision] = {revision.sequence: revision for revision in revisions}

    @property
    def snapshot(self) -> SheetSnapshot:
        """The snapshot after the added revisions."""
        loaded = self.loaded
        return SheetSnapshot(
            loaded.state,
            loaded.deadline,
            loaded.version,
            self.head,
            self.length,
            self.last_sequence,
        )

    def save(self, changes: Sequence[Change], received_at: datetime, now: datetime) -> Receipt:
        """Save all of `changes` or none; stored ones are acknowledged again, at any time.

        `received_at` is compared with the deadline; `now` is the time of the commit. Raises SEQUENCE_REUSED,
        ATTEMPT_NOT_STARTED, and after storing the new changes as late, ATTEMPT_SUBMITTED or TIME_LIMIT_EXCEEDED.
        """
        if self.state not in attempts.STARTED_STATES:
            raise attempts.attempt_not_started(self.state)
        new = self._new_changes(changes)
        is_late = self.state is not AttemptState.IN_PROGRESS or self._is_over(received_at)
        self._add(new, received_at, now, is_late=is_late)
        if not any(self._stored[change.sequence].is_late for change in changes):
            return self._receipt(changes)
        if self.state is AttemptState.IN_PROGRESS:
            raise attempts.time_limit_exceeded()
        raise attempts.attempt_submitted()

    def _is_over(self, received_at: datetime) -> bool:
        return self.deadline is not None and received_at > self.deadline

    def _new_changes(self, changes: Sequence[Change]) -> list[Change]:
        """Return the changes that are not stored, by sequence number. Raises SEQUENCE_REUSED."""
        new: dict[int, Change] = {}
        for change in changes:
            stored = self._stored.get(change.sequence)
            twin = new.setdefault(change.sequence, change) if stored is None else None
            if (stored is not None and not stored.is_repeated_by(change)) or (
                twin is not None and (twin.item_id, twin.answer) != (change.item_id, change.answer)
            ):
                raise already_exists(
                    "SEQUENCE_REUSED",
                    "Another answer was saved with this sequence number before. "
                    "Send it again with a number above the last one of the attempt.",
                    sequence=str(change.sequence),
                )
        return [new[sequence] for sequence in sorted(new)]

    def _add(
        self, new: Sequence[Change], received_at: datetime, now: datetime, *, is_late: bool
    ) -> None:
        for change in new:
            if not is_late:
                self.length += 1
                self.head = link(self.head, change.sequence, change.item_id, change.answer)
            revision = Revision(
                change.sequence,
                change.item_id,
                change.answer,
                now,
                None if is_late else self.length,
                None if is_late else self.head,
            )
            self._stored[change.sequence] = revision
            self.last_sequence = max(self.last_sequence, change.sequence)
            self.added.append(NewRevision(revision, change.client_time, received_at))

    def _receipt(self, changes: Sequence[Change]) -> Receipt:
        stored = [self._stored[change.sequence] for change in changes]
        last = max(stored, key=lambda revision: revision.position or 0)
        return Receipt(
            sequences=tuple(revision.sequence for revision in stored),
            positions=tuple(revision.position or 0 for revision in stored),
            head=last.head or self.head,
            saved_at=last.saved_at,
        )
