"""Expand the schema: create the table of hands, and add the raised hand to participants."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """
    ALTER TABLE participants
        ADD COLUMN hand_id uuid,
        ADD COLUMN hand_kind text,
        ADD COLUMN hand_raised_at timestamptz
    """,
    """
    CREATE TABLE hands (
        hand_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        kind text NOT NULL,
        state text NOT NULL,
        raised_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT pk_hands PRIMARY KEY (hand_id),
        CONSTRAINT fk_hands_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_hands_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT ck_hands_kind CHECK (kind IN ('help', 'technical', 'break', 'other')),
        CONSTRAINT ck_hands_state CHECK (state IN ('raised', 'answered', 'lowered')),
        CONSTRAINT ck_hands_closed CHECK ((state = 'raised') = (closed_at IS NULL))
    )
    """,
    "CREATE UNIQUE INDEX ix_hands_raised ON hands (participant_id) WHERE state = 'raised'",
    "CREATE INDEX ix_hands_queue ON hands (session_id, raised_at, hand_id) WHERE state = 'raised'",
    "CREATE INDEX ix_hands_participant_id_raised_at ON hands (participant_id, raised_at)",
    # Refuse a new hand that is not raised, a hand of a participant who is not present, and every transition that the
    # state machine in domain/hands.py does not allow. Copy the raised hand to the row of the participant.
    """
    CREATE FUNCTION check_hand() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND (
            (OLD.state, NEW.state) NOT IN (('raised', 'answered'), ('raised', 'lowered'))
            OR (OLD.hand_id, OLD.session_id, OLD.participant_id, OLD.kind, OLD.raised_at)
                <> (NEW.hand_id, NEW.session_id, NEW.participant_id, NEW.kind, NEW.raised_at)
        ) THEN
            RAISE EXCEPTION 'a hand cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF TG_OP = 'INSERT' THEN
            UPDATE participants
                SET hand_id = NEW.hand_id, hand_kind = NEW.kind, hand_raised_at = NEW.raised_at
                WHERE participant_id = NEW.participant_id AND session_id = NEW.session_id
                    AND state IN ('waiting', 'in_session') AND NEW.state = 'raised';
            IF NOT FOUND THEN
                RAISE EXCEPTION 'only a participant who is present can raise a hand'
                    USING ERRCODE = 'restrict_violation';
            END IF;
        ELSE
            UPDATE participants SET hand_id = NULL, hand_kind = NULL, hand_raised_at = NULL
                WHERE participant_id = NEW.participant_id;
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_hand BEFORE INSERT OR UPDATE ON hands
        FOR EACH ROW EXECUTE FUNCTION check_hand()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
