from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.record import Entry, Happening, Head, appended, first_broken

from .builders import NOON

SESSION = UUID(int=3)

happenings = st.builds(
    Happening,
    event=st.sampled_from(["session.started", "participant.joined"]),
    time=st.integers(0, 10**9).map(lambda each: NOON + timedelta(microseconds=each)),
    actor=st.sampled_from(["session", str(UUID(int=9))]),
    participant_id=st.one_of(st.none(), st.just(UUID(int=8))),
    body=st.binary(max_size=20),
)
records = st.lists(happenings, min_size=1, max_size=8)


def entries_of(record: list[Happening]) -> list[Entry]:
    return list(appended(Head.of(SESSION), record)[0])


@given(record=records)
def test_a_record_holds_and_has_no_gap(record: list[Happening]) -> None:
    entries = entries_of(record)
    assert [each.number for each in entries] == list(range(1, len(record) + 1))
    assert first_broken(SESSION, entries) is None


@given(record=records, cut=st.integers(0, 8))
def test_it_does_not_matter_how_many_are_appended_at_once(
    record: list[Happening], cut: int
) -> None:
    first, head = appended(Head.of(SESSION), record[:cut])
    second, last = appended(head, record[cut:])
    assert [*first, *second] == entries_of(record)
    assert last == Head(len(record), entries_of(record)[-1].hash)


@given(record=records, data=st.data())
def test_every_change_of_an_entry_is_found(record: list[Happening], data: st.DataObject) -> None:
    entries = entries_of(record)
    at = data.draw(st.integers(0, len(entries) - 1))
    happening = entries[at].happening
    changed = data.draw(
        st.sampled_from(
            [
                replace(happening, event=happening.event + "x"),
                replace(happening, time=happening.time + timedelta(microseconds=1)),
                replace(happening, actor=happening.actor + "x"),
                replace(happening, participant_id=UUID(int=4)),
                replace(happening, body=happening.body + b"x"),
            ]
        )
    )
    entries[at] = replace(entries[at], happening=changed)
    assert first_broken(SESSION, entries) == at + 1


@given(record=records, data=st.data())
def test_a_missing_entry_is_found(record: list[Happening], data: st.DataObject) -> None:
    entries = entries_of([*record, record[0]])
    at = data.draw(st.integers(0, len(entries) - 2))
    del entries[at]
    assert first_broken(SESSION, entries) == at + 1


def test_text_cannot_be_moved_from_one_field_to_the_next() -> None:
    one = Happening("ab", NOON, "c", None, b"")
    other = Happening("a", NOON, "bc", None, b"")
    assert entries_of([one])[0].hash != entries_of([other])[0].hash


def test_a_record_belongs_to_its_session() -> None:
    entries = entries_of([Happening("session.started", NOON, "session", None, b"")])
    assert first_broken(UUID(int=4), entries) == 1
