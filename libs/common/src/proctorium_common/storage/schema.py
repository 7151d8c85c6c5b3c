"""Functions that migrations call to create the common tables and to make the rows of a table permanent.

Do not change existing functions, because old revisions of the services call them. To change a common table, add a new
function, and call the new function in new revisions.
"""

from __future__ import annotations

from alembic import op

_COMMON_TABLES = (
    """
    CREATE TABLE outbox (
        position bigint GENERATED ALWAYS AS IDENTITY,
        event_id uuid NOT NULL,
        aggregate text NOT NULL,
        aggregate_id text NOT NULL,
        subject text NOT NULL,
        body bytea NOT NULL,
        headers jsonb NOT NULL,
        occurred_at timestamptz NOT NULL,
        published_at timestamptz,
        CONSTRAINT pk_outbox PRIMARY KEY (position),
        CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
    )
    """,
    "CREATE INDEX ix_outbox_unpublished ON outbox (position) WHERE published_at IS NULL",
    "CREATE INDEX ix_outbox_occurred_at ON outbox USING brin (occurred_at)",
    """
    CREATE FUNCTION notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('outbox', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER notify_outbox AFTER INSERT ON outbox
        FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox()
    """,
    """
    CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        handled_at timestamptz NOT NULL,
        CONSTRAINT pk_inbox PRIMARY KEY (consumer, event_id)
    )
    """,
    "CREATE INDEX ix_inbox_handled_at ON inbox USING brin (handled_at)",
    """
    CREATE TABLE dead_letters (
        id uuid NOT NULL,
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        subject text NOT NULL,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        reason text NOT NULL,
        error text NOT NULL,
        deliveries integer NOT NULL,
        failed_at timestamptz NOT NULL,
        resolved_at timestamptz,
        CONSTRAINT pk_dead_letters PRIMARY KEY (id),
        CONSTRAINT uq_dead_letters_consumer_event_id UNIQUE (consumer, event_id)
    )
    """,
    """
    CREATE TABLE idempotency_keys (
        caller text NOT NULL,
        method text NOT NULL,
        request_id text NOT NULL,
        request_digest bytea NOT NULL,
        response bytea,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_idempotency_keys PRIMARY KEY (caller, method, request_id)
    )
    """,
    "CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys USING brin (created_at)",
    """
    CREATE TABLE signing_keys (
        key_id text NOT NULL,
        public_key bytea NOT NULL,
        encrypted_seed bytea,
        created_at timestamptz NOT NULL,
        retires_at timestamptz,
        CONSTRAINT pk_signing_keys PRIMARY KEY (key_id)
    )
    """,
)

_FORBID_CHANGES = """
    CREATE OR REPLACE FUNCTION forbid_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of % are permanent: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$
"""


def create_common_tables() -> None:
    """Create the tables outbox (with its NOTIFY trigger), inbox, dead_letters, idempotency_keys and signing_keys."""
    for statement in _COMMON_TABLES:
        op.execute(statement)


def create_page_token_keys() -> None:
    """Create the table page_token_keys, and insert one key from PostgreSQL's cryptographic random source."""
    op.execute(
        """
        CREATE TABLE page_token_keys (
            number smallint NOT NULL,
            key bytea NOT NULL,
            CONSTRAINT pk_page_token_keys PRIMARY KEY (number),
            CONSTRAINT ck_page_token_keys_only_one CHECK (number = 1)
        )
        """
    )
    op.execute(
        """
        INSERT INTO page_token_keys (number, key)
        VALUES (1, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
        """
    )


def forbid_changes(table: str) -> None:
    """Make the database refuse UPDATE, DELETE and TRUNCATE of `table`; INSERT is still allowed."""
    op.execute(_FORBID_CHANGES)
    op.execute(
        f'CREATE TRIGGER forbid_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"'
        " FOR EACH STATEMENT EXECUTE FUNCTION forbid_changes()"
    )
    # Because of ENABLE ALWAYS, the trigger also fires in sessions with session_replication_role = replica.
    op.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER forbid_changes')


_REVOCATIONS = (
    """
    CREATE TABLE revocations (
        person_id uuid NOT NULL,
        refused_before bigint NOT NULL,
        roles_before bigint NOT NULL,
        roles text[] NOT NULL,
        changed_at timestamptz NOT NULL,
        CONSTRAINT pk_revocations PRIMARY KEY (person_id)
    )
    """,
    "CREATE INDEX ix_revocations_changed_at ON revocations (changed_at)",
    # The trigger prevents `refused_before` and `roles_before` of a row from decreasing, so that a revocation stays in
    # force even if events arrive out of order.
    """
    CREATE FUNCTION guard_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.refused_before < OLD.refused_before OR NEW.roles_before < OLD.roles_before THEN
            RAISE EXCEPTION 'a revocation is not taken back' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER guard_revocation BEFORE UPDATE ON revocations
        FOR EACH ROW EXECUTE FUNCTION guard_revocation()
    """,
    """
    CREATE FUNCTION notify_revocations() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('revocations', NEW.person_id::text);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER notify_revocations AFTER INSERT OR UPDATE ON revocations
        FOR EACH ROW EXECUTE FUNCTION notify_revocations()
    """,
)


def create_revocations() -> None:
    """Create the table revocations, with its triggers."""
    for statement in _REVOCATIONS:
        op.execute(statement)
