"""Spans are named after what they do and to which tables: few names, the same in every process."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    Column,
    Executable,
    Integer,
    MetaData,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    union_all,
    update,
)

from proctorium_common.storage.spans import name_of

METADATA = MetaData()
people = Table("people", METADATA, Column("id", Integer), Column("n", Integer))
seats = Table("seats", METADATA, Column("id", Integer))
newest = select(seats.c.id, func.max(seats.c.id).label("n")).group_by(seats.c.id).subquery()

NAMES: list[tuple[Executable, str]] = [
    (insert(people), "INSERT people"),
    (update(people).values(n=1), "UPDATE people"),
    (delete(people), "DELETE people"),
    (select(people), "SELECT people"),
    (select(people.alias("other")), "SELECT people"),
    (select(func.count()).select_from(people), "SELECT people"),
    (select(people).join(seats, seats.c.id == people.c.id), "SELECT people, seats"),
    (select(people).join(newest, newest.c.id == people.c.id), "SELECT people, seats"),
    (select(people.c.id, seats.c.id), "SELECT people, seats"),
    (select(people).where(people.c.id.in_(select(seats.c.id))), "SELECT people"),
    (select(exists().where(seats.c.id == 1)), "SELECT seats"),
    (select(func.pg_advisory_xact_lock(1)), "SELECT pg_advisory_xact_lock"),
    (union_all(select(people.c.id), select(seats.c.id)), "SELECT people, seats"),
    (text("SELECT 1"), "SELECT"),
    (text("SELECT pg_notify(a, b) FROM unnest(:a, :b) AS n (a, b)"), "SELECT pg_notify"),
    (text("select id\n  from people -- from nowhere\n  for update skip locked"), "select people"),
    (text("SELECT id FROM people FOR NO KEY UPDATE OF people"), "SELECT people"),
    (text("SELECT 1 FROM people WHERE id IS DISTINCT FROM n"), "SELECT people"),
    (
        text("INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1"),
        "INSERT people",
    ),
    (text("DELETE FROM people USING seats WHERE true"), "DELETE people"),
    (
        text(
            "WITH given AS (SELECT * FROM unnest(:ids)) SELECT * FROM given JOIN seats USING (id)"
        ),
        "SELECT seats",
    ),
    (
        text("WITH moved (id) AS (UPDATE people SET n = 1 RETURNING id) SELECT id FROM moved"),
        "UPDATE people",
    ),
]


@pytest.mark.parametrize(
    ("executed", "name"), NAMES, ids=[f"{number}: {name}" for number, (_, name) in enumerate(NAMES)]
)
def test_a_statement_is_named_after_its_verb_and_tables(executed: Executable, name: str) -> None:
    assert name_of(executed).lower() == name.lower()
