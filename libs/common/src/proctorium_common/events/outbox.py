"""The outbox: events as rows, written in the transaction of the change they tell of."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import ARRAY, DateTime, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from proctorium_common.events.envelope import Sealed

CHANNEL = "outbox"
"""NOTIFY channel that a trigger on the table fires once for each statement; the relay wakes by it."""

# Arrays make one statement, prepared once, of however many rows; ORDINALITY keeps their order in the positions.
_INSERT = text("""
    INSERT INTO outbox (event_id, aggregate, aggregate_id, subject, body, headers, occurred_at)
    SELECT event_id, aggregate, aggregate_id, subject, body, headers::jsonb, occurred_at
    FROM unnest(:event_ids, :aggregates, :aggregate_ids, :subjects, :bodies, :headers, :times)
        WITH ORDINALITY
        AS event (event_id, aggregate, aggregate_id, subject, body, headers, occurred_at, nth)
    ORDER BY nth
""").bindparams(
    bindparam("event_ids", type_=ARRAY(Uuid)),
    bindparam("aggregates", type_=ARRAY(Text)),
    bindparam("aggregate_ids", type_=ARRAY(Text)),
    bindparam("subjects", type_=ARRAY(Text)),
    bindparam("bodies", type_=ARRAY(LargeBinary)),
    bindparam("headers", type_=ARRAY(Text)),
    bindparam("times", type_=ARRAY(DateTime(timezone=True))),
)


async def write(connection: AsyncConnection, events: Sequence[Sealed]) -> None:
    """Adds `events` to the outbox in their order, with one statement, as part of the connection's transaction."""
    await connection.execute(
        _INSERT,
        {
            "event_ids": [event.event_id for event in events],
            "aggregates": [event.aggregate for event in events],
            "aggregate_ids": [event.aggregate_id for event in events],
            "subjects": [event.subject for event in events],
            "bodies": [event.body for event in events],
            "headers": [json.dumps(dict(event.headers)) for event in events],
            "times": [event.occurred_at for event in events],
        },
    )
