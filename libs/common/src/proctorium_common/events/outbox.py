"""The outbox, which stores each event as a row, in the same transaction as the change that caused the event."""

from __future__ import annotations

import json
from collections.abc import Sequence

from proctorium_common.events.envelope import Envelope

CHANNEL = "outbox"
"""The NOTIFY channel on which the relay waits.

After each statement that inserts rows into the outbox, a trigger sends a notification on the channel.
"""

# The parameters are arrays, so that one prepared statement can insert any number of rows. WITH ORDINALITY preserves the
# order of the events.
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
"""The statement that inserts events in order, and sends notifications.

The parameters are the arrays that `columns` returns, followed by the array of channels and the array of payloads.
"""


def columns(events: Sequence[Envelope]) -> tuple[list[object], ...]:
    """Return the column arrays of the events, as parameters of `INSERT_AND_NOTIFY`."""
    return (
        [event.event_id for event in events],
        [event.aggregate for event in events],
        [event.aggregate_id for event in events],
        [event.subject for event in events],
        [event.body for event in events],
        [json.dumps(dict(event.headers)) for event in events],
        [event.occurred_at for event in events],
    )
