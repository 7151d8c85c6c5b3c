"""Saving answers (`A6`): the rules of an attempt's answer sheet, for whoever holds the attempt's row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from proctorium_assessment.domain import attempts
from proctorium_assessment.domain.attempts import State
from proctorium_assessment.domain.receipts import link
from proctorium_common.errors import already_exists


@dataclass(frozen=True, slots=True)
class Change:
    """One change that the learner made; `answer` in canonical bytes, empty when taken back."""

    sequence: int
    item_id: UUID
    answer: bytes
    client_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One change as it is kept. A late one has no place in the chain (`position` and `head` are None)."""

    sequence: int
    item_id: UUID
    answer: bytes
    saved_at: datetime
    position: int | None
    head: bytes | None

    @property
    def late(self) -> bool:
        """Whether it came after the bell; it does not count unless a person decides so."""
        return self.position is None

    def same_as(self, change: Change) -> bool:
        """Whether `change` is this one, sent again."""
        return self.item_id == change.item_id and self.answer == change.answer


class SavedAnswer(NamedTuple):
    """The newest answer to a question, as its learner reads it back."""

    item_id: UUID
    sequence: int
    answer: bytes
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Addition:
    """A revision to be written, with what only the record keeps of it."""

    revision: Revision
    client_time: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """What the receipt says: for each sequence its position, the head after the last of them, and when it was committed."""

    sequences: tuple[int, ...]
    positions: tuple[int, ...]
    head: bytes
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """All that saving depends on, of an attempt's row. `version` changes with the state and the deadline."""

    state: State
    deadline: datetime | None
    version: int
    head: bytes
    length: int
    last_sequence: int


class AnswerSheet:
    """The answers of one attempt that stands at `place`: its row is held, or compared with `place` when it is written.

    `revisions` holds those kept revisions whose sequence may come again: every one up to `last_sequence` that is asked for.
    What `save` adds stands in `added` and is to be written with the new head in one transaction.
    """

    def __init__(self, attempt_id: UUID, place: Place, revisions: Iterable[Revision] = ()) -> None:
        self.attempt_id = attempt_id
        self.found = place
        self.state = place.state
        self.deadline = place.deadline
        self.head = place.head
        self.length = place.length
        self.last_sequence = place.last_sequence
        self.added: list[Addition] = []
        self._kept: dict[int, Revision] = {revision.sequence: revision for revision in revisions}

    @property
    def place(self) -> Place:
        """Where the attempt stands with what was added."""
        found = self.found
        return Place(
            found.state,
            found.deadline,
            found.version,
            self.head,
            self.length,
            self.last_sequence,
        )

    def save(self, changes: Sequence[Change], received_at: datetime, now: datetime) -> Saved:
        """Takes all of `changes` or none; what is there already is acknowledged again, at any time.

        Raises SEQUENCE_REUSED, ATTEMPT_NOT_STARTED; ATTEMPT_SUBMITTED or TIME_LIMIT_EXCEEDED, and then the new changes are kept as late.
        `received_at` is what the bell is compared with, `now` the time of the commit.
        """
        if self.state not in attempts.BEGUN:
            raise attempts.not_started(self.state)
        new = self._new_among(changes)
        late = self.state is not State.IN_PROGRESS or self._is_over(received_at)
        self._add(new, received_at, now, late=late)
        if not any(self._kept[change.sequence].late for change in changes):
            return self._receipt(changes)
        if self.state is State.IN_PROGRESS:
            raise attempts.time_limit_exceeded(kept=True)
        raise attempts.submitted(self.state, kept=True)

    def _is_over(self, received_at: datetime) -> bool:
        return self.deadline is not None and received_at > self.deadline

    def _new_among(self, changes: Sequence[Change]) -> list[Change]:
        """Those not kept yet, in the order of their sequences. Raises SEQUENCE_REUSED before anything is taken."""
        new: dict[int, Change] = {}
        for change in changes:
            kept = self._kept.get(change.sequence)
            twin = new.setdefault(change.sequence, change) if kept is None else None
            if (kept is not None and not kept.same_as(change)) or (
                twin is not None and (twin.item_id, twin.answer) != (change.item_id, change.answer)
            ):
                raise already_exists(
                    "SEQUENCE_REUSED",
                    "Another answer was saved under this number before. Number it anew, above the attempt's last number, and send it again.",
                    sequence=str(change.sequence),
                )
        return [new[sequence] for sequence in sorted(new)]

    def _add(
        self, new: Sequence[Change], received_at: datetime, now: datetime, *, late: bool
    ) -> None:
        for change in new:
            if not late:
                self.length += 1
                self.head = link(self.head, change.sequence, change.item_id, change.answer)
            revision = Revision(
                change.sequence,
                change.item_id,
                change.answer,
                now,
                None if late else self.length,
                None if late else self.head,
            )
            self._kept[change.sequence] = revision
            self.last_sequence = max(self.last_sequence, change.sequence)
            self.added.append(Addition(revision, change.client_time, received_at))

    def _receipt(self, changes: Sequence[Change]) -> Saved:
        kept = [self._kept[change.sequence] for change in changes]
        last = max(kept, key=lambda revision: revision.position or 0)
        return Saved(
            sequences=tuple(revision.sequence for revision in kept),
            positions=tuple(revision.position or 0 for revision in kept),
            head=last.head or self.head,
            saved_at=last.saved_at,
        )
