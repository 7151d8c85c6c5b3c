"""Expand: whether a sign-in outlives the browser session."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = (
    # False by default: a sign-in of the previous release becomes one for the browser session when it is next renewed.
    "ALTER TABLE sign_ins ADD COLUMN stay_signed_in boolean NOT NULL DEFAULT false",
    """
    CREATE FUNCTION guard_stay_signed_in() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'how long a sign-in lasts does not change' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER guard_stay_signed_in BEFORE UPDATE ON sign_ins FOR EACH ROW
        WHEN (NEW.stay_signed_in <> OLD.stay_signed_in)
        EXECUTE FUNCTION guard_stay_signed_in()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
