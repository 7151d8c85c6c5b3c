"""Expand: mark the codes whose window an administrator set. The others are valid as long as their session lives.

Before, every code had a window, copied from the plan where nobody set one: those are found by their times. The next release can make
`valid_from` and `valid_until` nullable and drop the column.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # True by default: rows that the previous release adds in the meantime keep the window that it sets.
    op.execute("ALTER TABLE codes ADD COLUMN own_window boolean NOT NULL DEFAULT true")
    # The trigger refuses any change to a code except to its state.
    op.execute("ALTER TABLE codes DISABLE TRIGGER guard_code")
    op.execute(
        """
        UPDATE codes SET own_window = false
        FROM sessions
        WHERE sessions.session_id = codes.session_id
            AND codes.valid_until = sessions.planned_end_at
            AND (codes.valid_from <= codes.created_at OR codes.valid_from = sessions.lobby_open_at)
        """
    )
    op.execute("ALTER TABLE codes ENABLE TRIGGER guard_code")
