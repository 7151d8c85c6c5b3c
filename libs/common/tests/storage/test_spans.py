"""Test span names of SQL statements: there are few names, and a statement has the same name in all processes."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    Column,
    Executable,
    Integer,
    MetaData,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from proctorium_common.storage.spans import name_of

METADATA = MetaData()
people = Table("people", METADATA, Column("id", Integer), Column("n", Integer))
seats = Table("seats", METADATA, Column("id", Integer))

NAMES: list[tuple[Executable | str, str]] = [
    (insert(people), "INSERT people"),
    (update(people).values(n=1), "UPDATE people"),
    (delete(people), "DELETE people"),
    (select(people), "SELECT people"),
    (select(people.alias("other")), "SELECT people"),
    (select(func.count()).select_from(people), "SELECT people"),
    (select(people).join(seats, seats.c.id == people.c.id), "SELECT people"),
    (select(people).where(people.c.n == 1).with_for_update(), "SELECT people"),
    (pg_insert(people).on_conflict_do_nothing(), "INSERT people"),
    (text("SELECT 1"), "SELECT"),
    ("SELECT id FROM people WHERE id = $1", "SELECT people"),
    ("SELECT pg_notify(a, b) FROM unnest($1, $2) AS n (a, b)", "SELECT"),
    ("SELECT id FROM people FOR NO KEY UPDATE OF people", "SELECT people"),
    ("INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1", "INSERT people"),
    ("WITH given AS (SELECT * FROM unnest($1)) UPDATE people SET n = 1", "UPDATE people"),
    ("BEGIN", "BEGIN"),
]


@pytest.mark.parametrize(
    ("executed", "name"), NAMES, ids=[f"{number}: {name}" for number, (_, name) in enumerate(NAMES)]
)
def test_span_is_named_after_operation_and_table(executed: Executable | str, name: str) -> None:
    assert name_of(executed) == name
