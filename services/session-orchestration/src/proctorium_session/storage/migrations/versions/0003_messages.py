"""Expand the schema: create the table of messages, and add the numbers of messages and the read marks."""

from __future__ import annotations

from alembic import op

from proctorium_common.storage.migrations import forbid_changes

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    """
    ALTER TABLE sessions
        ADD COLUMN announcement_count integer NOT NULL DEFAULT 0,
        ADD COLUMN message_revision bigint NOT NULL DEFAULT 0
    """,
    """
    ALTER TABLE participants
        ADD COLUMN message_count integer NOT NULL DEFAULT 0,
        ADD COLUMN learner_read integer NOT NULL DEFAULT 0,
        ADD COLUMN proctors_read integer NOT NULL DEFAULT 0,
        ADD COLUMN learner_unread integer NOT NULL DEFAULT 0,
        ADD COLUMN proctors_unread integer NOT NULL DEFAULT 0,
        ADD COLUMN announcements_read integer NOT NULL DEFAULT 0,
        ADD CONSTRAINT ck_participants_read_marks CHECK (
            learner_read BETWEEN 0 AND message_count AND proctors_read BETWEEN 0 AND message_count
            AND announcements_read >= 0
        ),
        ADD CONSTRAINT ck_participants_unread CHECK (
            learner_unread BETWEEN 0 AND message_count - learner_read
            AND proctors_unread BETWEEN 0 AND message_count - proctors_read
        )
    """,
    """
    CREATE TABLE messages (
        message_id uuid NOT NULL,
        session_id uuid NOT NULL,
        participant_id uuid,
        sequence integer NOT NULL,
        revision bigint NOT NULL,
        sender_id uuid NOT NULL,
        acting_role text NOT NULL,
        text text NOT NULL,
        text_key bytea NOT NULL,
        sent_at timestamptz NOT NULL,
        CONSTRAINT pk_messages PRIMARY KEY (message_id),
        CONSTRAINT fk_messages_session_id_sessions FOREIGN KEY (session_id) REFERENCES sessions (session_id),
        CONSTRAINT fk_messages_participant_id_participants
            FOREIGN KEY (participant_id) REFERENCES participants (participant_id),
        CONSTRAINT uq_messages_session_id_participant_id_sequence
            UNIQUE NULLS NOT DISTINCT (session_id, participant_id, sequence),
        CONSTRAINT uq_messages_session_id_revision UNIQUE (session_id, revision),
        CONSTRAINT ck_messages_sequence CHECK (sequence BETWEEN 1 AND 2000),
        CONSTRAINT ck_messages_text CHECK (text <> '' AND length(text) <= 2000),
        CONSTRAINT ck_messages_acting_role CHECK (acting_role IN ('learner', 'proctor', 'administrator')),
        CONSTRAINT ck_messages_announcement CHECK (participant_id IS NOT NULL OR acting_role <> 'learner')
    )
    """,
    "CREATE INDEX ix_messages_participant_id_sequence ON messages (participant_id, sequence)",
    # Count messages in a trigger. The trigger refuses a message if its number does not follow the previous number, or
    # if its participant belongs to another session. In the conversation of a participant, only this participant acts
    # as a learner, and only in this role.
    """
    CREATE FUNCTION count_message() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.participant_id IS NULL THEN
            UPDATE sessions SET announcement_count = NEW.sequence
                WHERE session_id = NEW.session_id AND announcement_count = NEW.sequence - 1;
        ELSE
            UPDATE participants SET
                message_count = NEW.sequence,
                learner_unread = learner_unread + (NEW.acting_role <> 'learner')::integer,
                proctors_unread = proctors_unread + (NEW.acting_role = 'learner')::integer,
                revision = NEW.revision
                WHERE participant_id = NEW.participant_id
                    AND session_id = NEW.session_id
                    AND message_count = NEW.sequence - 1
                    AND (person_id = NEW.sender_id) = (NEW.acting_role = 'learner');
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'message % does not continue a conversation of its sender', NEW.sequence
                USING ERRCODE = 'restrict_violation';
        END IF;
        UPDATE sessions SET message_revision = NEW.revision WHERE session_id = NEW.session_id;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER count_message BEFORE INSERT ON messages
        FOR EACH ROW EXECUTE FUNCTION count_message()
    """,
    # Refuse an update that moves a read mark back or reduces the number of messages.
    """
    CREATE FUNCTION check_read_marks() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.learner_read < OLD.learner_read OR NEW.proctors_read < OLD.proctors_read
            OR NEW.announcements_read < OLD.announcements_read OR NEW.message_count < OLD.message_count
        THEN
            RAISE EXCEPTION 'a read mark cannot move back' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_read_marks
        BEFORE UPDATE OF message_count, learner_read, proctors_read, announcements_read ON participants
        FOR EACH ROW EXECUTE FUNCTION check_read_marks()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    forbid_changes("messages")
