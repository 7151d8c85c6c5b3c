"""The tables of the sample service."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Integer, MetaData, Table, Text

from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

effects = Table(
    "effects",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("what", Text, nullable=False, index=True),
    Column("nth", Integer, nullable=False),
)

record = Table("record", metadata, Column("line", Text, primary_key=True))
