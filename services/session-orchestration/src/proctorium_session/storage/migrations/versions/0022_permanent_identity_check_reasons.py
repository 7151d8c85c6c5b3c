"""Expand the schema: make the reasons of identity checks permanent, because the session record does not have them."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"

_STATEMENTS = (
    """
    CREATE FUNCTION check_identity_check_reason() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the reason of an identity check is permanent' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER check_identity_check_reason BEFORE UPDATE OF identity_check_reason ON participants
        FOR EACH ROW
        WHEN (OLD.identity_check_reason <> '' AND NEW.identity_check_reason <> OLD.identity_check_reason)
        EXECUTE FUNCTION check_identity_check_reason()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
