"""Create the tables of sessions and deliveries."""

from alembic import op

from proctorium_common.storage.migrations import create_common_tables, create_page_token_keys
from proctorium_common.storage.schema import create_revocations

revision = "0001"
down_revision = None

_STATEMENTS = (
    """
    CREATE TABLE sessions (
        session_id uuid NOT NULL,
        title text,
        start_at timestamptz,
        duration interval,
        cancelled_at timestamptz,
        ended_at timestamptz,
        CONSTRAINT pk_sessions PRIMARY KEY (session_id),
        CONSTRAINT ck_sessions_plan_is_complete CHECK (num_nulls(title, start_at, duration) IN (0, 3))
    )
    """,
    """
    CREATE TABLE deliveries (
        delivery_id uuid NOT NULL,
        person_id uuid NOT NULL,
        event_id uuid NOT NULL,
        topic text NOT NULL,
        channel text NOT NULL,
        session_id uuid,
        subject_id uuid,
        subject_title text DEFAULT '' NOT NULL,
        state text NOT NULL,
        try_count integer DEFAULT 0 NOT NULL,
        last_error text DEFAULT '' NOT NULL,
        created_at timestamptz NOT NULL,
        next_try_at timestamptz NOT NULL,
        lease_token uuid,
        leased_until timestamptz,
        sender_key bigint,
        destination smallint,
        sent_at timestamptz,
        read_at timestamptz,
        traceparent text DEFAULT '' NOT NULL,
        CONSTRAINT pk_deliveries PRIMARY KEY (delivery_id),
        CONSTRAINT uq_deliveries_person_id_event_id_channel UNIQUE (person_id, event_id, channel),
        CONSTRAINT ck_deliveries_state CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'in_doubt')),
        CONSTRAINT ck_deliveries_channel CHECK (channel IN ('email', 'in_app')),
        CONSTRAINT ck_deliveries_sent_at CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
        CONSTRAINT ck_deliveries_sending_has_lease CHECK (state <> 'sending' OR lease_token IS NOT NULL),
        CONSTRAINT ck_deliveries_only_in_app_is_read CHECK (channel = 'in_app' OR read_at IS NULL),
        CONSTRAINT ck_deliveries_error_without_address CHECK (position('@' in last_error) = 0),
        CONSTRAINT ck_deliveries_destination CHECK (destination BETWEEN 0 AND 1023)
    )
    """,
    "CREATE INDEX ix_deliveries_due ON deliveries (next_try_at) WHERE state = 'pending'",
    "CREATE INDEX ix_deliveries_leased ON deliveries (leased_until) WHERE leased_until IS NOT NULL",
    "CREATE INDEX ix_deliveries_unsent ON deliveries (state) WHERE state <> 'sent'",
    "CREATE INDEX ix_deliveries_created ON deliveries (created_at DESC, delivery_id DESC)",
    """
    CREATE INDEX ix_deliveries_inbox ON deliveries (person_id, created_at DESC, delivery_id DESC)
        WHERE channel = 'in_app'
    """,
    """
    CREATE FUNCTION check_delivery_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.delivery_id, NEW.person_id, NEW.event_id, NEW.topic, NEW.channel)
            IS DISTINCT FROM (OLD.delivery_id, OLD.person_id, OLD.event_id, OLD.topic, OLD.channel) THEN
            RAISE EXCEPTION 'a delivery cannot change to another message' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
            ('pending', 'sending'),
            ('pending', 'failed'),
            ('sending', 'sent'),
            ('sending', 'pending'),
            ('sending', 'failed'),
            ('sending', 'in_doubt'),
            ('in_doubt', 'sent'),
            ('in_doubt', 'pending'),
            ('in_doubt', 'failed'),
            ('failed', 'pending')
        ) THEN
            RAISE EXCEPTION 'a delivery cannot change from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'sent' AND NEW.sent_at <> OLD.sent_at THEN
            RAISE EXCEPTION 'a delivery is sent once' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER check_delivery_update BEFORE UPDATE ON deliveries
        FOR EACH ROW EXECUTE FUNCTION check_delivery_update()
    """,
)


def upgrade() -> None:
    create_common_tables()
    create_page_token_keys()
    create_revocations()
    for statement in _STATEMENTS:
        op.execute(statement)
