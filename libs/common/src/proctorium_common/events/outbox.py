"""The outbox: events as rows, written in the transaction of the change they tell of."""

from __future__ import annotations

import json
from collections.abc import Sequence

from proctorium_common.events.envelope import Sealed

CHANNEL = "outbox"
"""NOTIFY channel that a trigger on the table fires once for each statement; the relay wakes by it."""

# Arrays make one statement, prepared once, of however many rows; ORDINALITY keeps their order in the positions.
INSERT_AND_NOTIFY = """
    WITH recorded AS (
        INSERT INTO outbox (event_id, aggregate, aggregate_id, subject, body, headers, occurred_at)
        SELECT event_id, aggregate, aggregate_id, subject, body, headers::jsonb, occurred_at
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::timestamptz[])
            WITH ORDINALITY
            AS event (event_id, aggregate, aggregate_id, subject, body, headers, occurred_at, nth)
        ORDER BY nth
    )
    SELECT pg_notify(channel, payload) FROM unnest($8::text[], $9::text[]) AS notice (channel, payload)
"""
"""Inserts events in their order, and notifies. Parameters: those of `columns`, channels and payloads."""


def columns(events: Sequence[Sealed]) -> tuple[list[object], ...]:
    """Return the arrays of events that `INSERT_AND_NOTIFY` takes."""
    return (
        [event.event_id for event in events],
        [event.aggregate for event in events],
        [event.aggregate_id for event in events],
        [event.subject for event in events],
        [event.body for event in events],
        [json.dumps(dict(event.headers)) for event in events],
        [event.occurred_at for event in events],
    )
