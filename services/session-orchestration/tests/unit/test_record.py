from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from proctorium_session.domain.record import (
    Entry,
    EntryContent,
    Head,
    append_entries,
    first_invalid_entry,
)

from .builders import NOON

SESSION = UUID(int=3)

contents = st.builds(
    EntryContent,
    event=st.sampled_from(["session.started", "participant.joined"]),
    time=st.integers(0, 10**9).map(lambda each: NOON + timedelta(microseconds=each)),
    actor=st.sampled_from(["session", str(UUID(int=9))]),
    participant_id=st.one_of(st.none(), st.just(UUID(int=8))),
    body=st.binary(max_size=20),
)
records = st.lists(contents, min_size=1, max_size=8)


def entries_of(record: list[EntryContent]) -> list[Entry]:
    return list(append_entries(Head.of(SESSION), record)[0])


@given(record=records)
def test_record_is_valid_and_has_no_gap(record: list[EntryContent]) -> None:
    entries = entries_of(record)
    assert [each.number for each in entries] == list(range(1, len(record) + 1))
    assert first_invalid_entry(SESSION, entries) is None


@given(record=records, cut=st.integers(0, 8))
def test_batch_size_does_not_change_the_record(record: list[EntryContent], cut: int) -> None:
    first, head = append_entries(Head.of(SESSION), record[:cut])
    second, last = append_entries(head, record[cut:])
    assert [*first, *second] == entries_of(record)
    assert last == Head(len(record), entries_of(record)[-1].hash)


@given(record=records, data=st.data())
def test_every_change_of_an_entry_is_detected(
    record: list[EntryContent], data: st.DataObject
) -> None:
    entries = entries_of(record)
    at = data.draw(st.integers(0, len(entries) - 1))
    content = entries[at].content
    changed = data.draw(
        st.sampled_from(
            [
                replace(content, event=content.event + "x"),
                replace(content, time=content.time + timedelta(microseconds=1)),
                replace(content, actor=content.actor + "x"),
                replace(content, participant_id=UUID(int=4)),
                replace(content, body=content.body + b"x"),
            ]
        )
    )
    entries[at] = replace(entries[at], content=changed)
    assert first_invalid_entry(SESSION, entries) == at + 1


@given(record=records, data=st.data())
def test_missing_entry_is_detected(record: list[EntryContent], data: st.DataObject) -> None:
    entries = entries_of([*record, record[0]])
    at = data.draw(st.integers(0, len(entries) - 2))
    del entries[at]
    assert first_invalid_entry(SESSION, entries) == at + 1


def test_text_cannot_be_moved_from_one_field_to_the_next() -> None:
    one = EntryContent("ab", NOON, "c", None, b"")
    other = EntryContent("a", NOON, "bc", None, b"")
    assert entries_of([one])[0].hash != entries_of([other])[0].hash


def test_record_of_another_session_is_invalid() -> None:
    entries = entries_of([EntryContent("session.started", NOON, "session", None, b"")])
    assert first_invalid_entry(UUID(int=4), entries) == 1
