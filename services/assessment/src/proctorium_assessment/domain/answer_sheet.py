"""The rules for saving the answers of an attempt (`A6`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from proctorium_assessment.domain import attempts
from proctorium_assessment.domain.attempts import AttemptState
from proctorium_assessment.domain.receipts import link
from proctorium_common.errors import already_exists, invalid


@dataclass(frozen=True, slots=True)
class Change:
    """A learner's change of one answer.

    `answer` is the new answer as canonical bytes. It is empty if the learner removed the answer. `writer_epoch` is the
    epoch of the page that made the change.
    """

    sequence: int
    item_id: UUID
    answer: bytes
    client_time: datetime | None = None
    writer_epoch: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """A stored change. A late revision is not part of the hash chain, so its `position` and `head` are None."""

    sequence: int
    item_id: UUID
    answer: bytes
    saved_at: datetime
    position: int | None
    head: bytes | None
    writer_epoch: int = 0

    @property
    def is_late(self) -> bool:
        """Whether the change was received after the deadline or the submission. A late change does not count.

        A late change counts after the deadline has moved to a time after its arrival.
        """
        return self.position is None

    def is_repeated_by(self, change: Change) -> bool:
        """Return whether `change` is a repetition of the change that this revision stores.

        An equal change of a newer page is no repetition, because it takes precedence over later changes of the older
        page.
        """
        is_same = self.item_id == change.item_id and self.answer == change.answer
        return is_same and change.writer_epoch <= self.writer_epoch


class SavedAnswer(NamedTuple):
    """The newest answer to an item, in the form that the learner reads."""

    item_id: UUID
    sequence: int
    answer: bytes
    saved_at: datetime
    writer_epoch: int = 0


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision to insert, and the times that are stored in the same row but are not fields of `Revision`."""

    revision: Revision
    client_time: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a save: the chain position of each sequence number, the head of the chain and the commit time."""

    sequences: tuple[int, ...]
    positions: tuple[int, ...]
    head: bytes
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class SheetSnapshot:
    """The columns of an attempt's row that a save uses.

    `version` changes when the state, the deadline or the writer epoch of the attempt changes.
    """

    state: AttemptState
    deadline: datetime | None
    version: int
    head: bytes
    length: int
    last_sequence: int
    writer_epoch: int = 0


def counted(late: Iterable[Revision], head: bytes, length: int) -> list[Revision]:
    """Return late revisions as revisions that count.

    They are appended to a chain with the given head and length, in the given order.
    """
    revisions: list[Revision] = []
    for position, revision in enumerate(late, length + 1):
        head = link(head, revision.sequence, revision.item_id, revision.answer)
        revisions.append(replace(revision, position=position, head=head))
    return revisions


class AnswerSheet:
    """The answers of one attempt, and the rules by which revisions are added.

    The sheet is created with a snapshot of the attempt's row. The caller either locks the row, or compares the row with
    the snapshot before the answers are written. `revisions` contains the stored revisions with the sequence numbers of
    the requested changes. `save` appends new revisions to `added`. The caller writes the added revisions and the new
    head in one transaction.
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
        """The snapshot of the attempt's row after the added revisions are written."""
        loaded = self.loaded
        return SheetSnapshot(
            loaded.state,
            loaded.deadline,
            loaded.version,
            self.head,
            self.length,
            self.last_sequence,
            loaded.writer_epoch,
        )

    def save(self, changes: Sequence[Change], received_at: datetime, now: datetime) -> Receipt:
        """Save all of `changes` or none, and return the receipt.

        A change that is stored already is acknowledged again, even after the deadline or the submission. `received_at`
        is compared with the deadline, and `now` is the time of the commit. Raises SEQUENCE_REUSED,
        WRITER_EPOCH_UNKNOWN or ATTEMPT_NOT_STARTED. Late changes are added as late revisions before ATTEMPT_SUBMITTED
        or TIME_LIMIT_EXCEEDED is raised.
        """
        if self.state not in attempts.STARTED_STATES:
            raise attempts.attempt_not_started(self.state)
        self._require_known_epochs(changes)
        new = self._new_changes(changes)
        is_late = self.state is not AttemptState.IN_PROGRESS or self._is_over(received_at)
        self._add(new, received_at, now, is_late=is_late)
        if not any(self._stored[change.sequence].is_late for change in changes):
            return self._receipt(changes)
        if self.state is AttemptState.IN_PROGRESS:
            raise attempts.time_limit_exceeded()
        raise attempts.attempt_submitted()

    def _require_known_epochs(self, changes: Sequence[Change]) -> None:
        newest = max(change.writer_epoch for change in changes)
        if newest > self.loaded.writer_epoch:
            raise invalid(
                "WRITER_EPOCH_UNKNOWN",
                "This page has not entered the assessment. Reload the page; your answers are stored on this device.",
                writer_epoch=str(newest),
            )

    def _is_over(self, received_at: datetime) -> bool:
        return self.deadline is not None and received_at > self.deadline

    def _new_changes(self, changes: Sequence[Change]) -> list[Change]:
        """Return the changes that are not stored yet, ordered by sequence number. Raises SEQUENCE_REUSED."""
        new: dict[int, Change] = {}
        for change in changes:
            stored = self._stored.get(change.sequence)
            twin = new.setdefault(change.sequence, change) if stored is None else None
            if (stored is not None and not stored.is_repeated_by(change)) or (
                twin is not None
                and (twin.item_id, twin.answer, twin.writer_epoch)
                != (change.item_id, change.answer, change.writer_epoch)
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
                change.writer_epoch,
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
