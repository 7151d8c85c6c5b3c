"""The tables of assessment. The check constraints and the triggers of the tables are defined only in the migrations."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from proctorium_access.certifications import certifications_table
from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

certifications = certifications_table(metadata)
"""A proctor's certification. The rows are copied from enrollment's events.

A proctor needs a certification to read learners' data.
"""

assessments = Table(
    "assessments",
    metadata,
    Column("assessment_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("proctored", Boolean, nullable=False),
    Column("time_limit", Interval),
    Column("pass_mark", Double, nullable=False),
    Column("item_count", Integer, nullable=False),
    # `item_list` contains the items as an encoded `Assessment` message.
    Column("item_list", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("published_at", _TIME),
    Index("ix_assessments_title", "title", "assessment_id"),
)
"""An assessment. A trigger refuses every change of a published assessment."""

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", Uuid, primary_key=True),
    # `assessment_id` has no foreign key, because a session may contain the id of an assessment that does not exist.
    Column("assessment_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("participant_id", Uuid),
    Column("state", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("started_at", _TIME),
    Column("time_limit", Interval),
    Column("deadline_at", _TIME),
    Column("submitted_at", _TIME),
    Column("submit_cause", Text),
    Column("released_at", _TIME),
    # `version` increases with each change that the watches of the attempt receive, but not when an answer is saved.
    Column("version", BigInteger, nullable=False),
    Column("chain_head", LargeBinary, nullable=False),
    Column("chain_length", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    # `progress_published_length` is the value of `chain_length` when the progress was last published.
    Column("progress_published_length", BigInteger, nullable=False),
    Column("progress_published_at", _TIME),
    # `deadline_at` and the columns from `paused` to `returned_time` are computed from the time ledger. `paused` is true
    # while a stop without a limit is open. `stopped_remaining` is then the remaining time of a started attempt.
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("stopped_remaining", Interval),
    Column("extra_time", Interval, nullable=False, server_default=text("'0'")),
    Column("extra_time_percent", Integer, nullable=False, server_default=text("0")),
    # `stopped_until` is the time at which the limits of all open stops have passed, so that the clock runs again. It is
    # null if an open stop has no limit.
    Column("stopped_until", _TIME),
    # `on_break` is true while a bounded stop is open, even after its limit has passed.
    Column("on_break", Boolean, nullable=False, server_default=text("false")),
    # `questions_shown` is true while stops are open, none of which hides the questions.
    Column("questions_shown", Boolean, nullable=False, server_default=text("false")),
    Column("returned_time", Interval, nullable=False, server_default=text("'0'")),
    # The newest writer epoch, the device that received it, and the time. A trigger refuses older epochs.
    Column("writer_epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("writer_device", Uuid),
    Column("entered_at", _TIME),
    # The revision of the session in which a proctor last authorised the assessment or withdrew the authorisation.
    Column("authorization_revision", BigInteger, nullable=False, server_default=text("0")),
    # The state in which the attempt was voided. A reopening of the session restores this state.
    Column("voided_from", Text),
    CheckConstraint("voided_from IS NULL OR state = 'voided'", name="voided_from"),
    Index(
        "uq_attempts_session_person_assessment",
        "session_id",
        "person_id",
        "assessment_id",
        unique=True,
        postgresql_where=text("session_id IS NOT NULL"),
    ),
    # A learner has at most one self-paced attempt (an attempt without a session) at an assessment, because the result
    # of the first attempt is permanent. Voided attempts do not count, because they have no result.
    Index(
        "uq_attempts_self_paced",
        "person_id",
        "assessment_id",
        unique=True,
        postgresql_where=text("session_id IS NULL AND state <> 'voided'"),
    ),
    # A learner has at most one started attempt at an assessment, whether it is still in progress or already submitted.
    # Only the start of an attempt can violate this index. Submitting cannot, because it adds no row to the index.
    Index(
        "uq_attempts_started",
        "person_id",
        "assessment_id",
        unique=True,
        postgresql_where=text("state IN ('in_progress', 'submitted', 'scored', 'released')"),
    ),
    Index("ix_attempts_person_id", "person_id", "attempt_id"),
    Index("ix_attempts_participant_id", "participant_id"),
    Index(
        "ix_attempts_deadline_at",
        "deadline_at",
        postgresql_where=text("state = 'in_progress'"),
    ),
)
"""An attempt. A save updates no indexed column, so that PostgreSQL adds no index entries (a HOT update)."""

answer_revisions = Table(
    "answer_revisions",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("client_time", _TIME),
    Column("received_at", _TIME, nullable=False),
    Column("saved_at", _TIME, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("position", BigInteger),
    Column("head", LargeBinary),
    # The time at which a late revision began to count, because the deadline had moved.
    Column("counted_at", _TIME),
    # The epoch of the page that made the change. A trigger refuses an epoch above the newest epoch of the attempt.
    Column("writer_epoch", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("attempt_id", "sequence"),
)
"""A revision of an answer. A row never changes, except that a late revision can begin to count.

For each item, the revision with the highest writer epoch counts or, if several have this epoch, the one of them with
the highest sequence number. Late revisions do not count.
"""

changes_during_stops = Table(
    "changes_during_stops",
    metadata,
    Column("attempt_id", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    # The id of the pause, the removal, the break or the return request.
    Column("stop_id", Uuid, nullable=False),
    PrimaryKeyConstraint("attempt_id", "sequence"),
    ForeignKeyConstraint(
        ["attempt_id", "sequence"], ["answer_revisions.attempt_id", "answer_revisions.sequence"]
    ),
)
"""A revision that was reported as received during a stop. A row never changes, so a revision is reported only once."""

time_events = Table(
    "time_events",
    metadata,
    # `entry_id` is the id of a pause, a removal, a break, an outage or a grant of extra time. All except grants have
    # one row for the start and one row for the end.
    Column("entry_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("session_id", Uuid, nullable=False),
    # `participant_id` is null if the entry applies to all participants of the session.
    Column("participant_id", Uuid),
    Column("at", _TIME, nullable=False),
    Column("amount", Interval),
    # `stop_limit` is the maximum time for which a stop stops the clock. It is null if the stop has no limit. The limit
    # of an outage applies to all outages of an attempt together.
    Column("stop_limit", Interval),
    Column("hides_questions", Boolean, nullable=False, server_default=text("true")),
    PrimaryKeyConstraint("entry_id", "kind"),
    Index("ix_time_events_session_id_participant_id", "session_id", "participant_id"),
)
"""An entry of the time ledgers of a session's attempts, from an event of session orchestration. A row never changes.

The time of an attempt is computed from `attempts.started_at` and the entries of its session and participant.
"""

applied_time_events = Table(
    "applied_time_events",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    # `participant_id` is null if the event concerns all participants of the session.
    Column("participant_id", Uuid),
    Index("ix_applied_time_events_session_id_participant_id", "session_id", "participant_id"),
)
"""An applied event of session orchestration that can move the time of attempts. A row never changes."""

reopenings = Table(
    "reopenings",
    metadata,
    Column("reopening_id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    # `participant_id` is null if the whole session was reopened.
    Column("participant_id", Uuid),
    Column("ended_at", _TIME, nullable=False),
    Column("reopened_at", _TIME, nullable=False),
    CheckConstraint("reopened_at >= ended_at", name="reopened_at"),
    Index("ix_reopenings_session_id", "session_id"),
)
"""A period in which the session was over, until it was reopened. A row never changes.

Answers that were received in this period never count.
"""

time_event_counts = Table(
    "time_event_counts",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
    Column("event_count", Integer, nullable=False),
)
"""The number of time events of a participant, from the end of the session. Other participants have no time events."""

accommodations = Table(
    "accommodations",
    metadata,
    Column("person_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("extra_time_percent", Integer, nullable=False),
    PrimaryKeyConstraint("person_id", "revision"),
    CheckConstraint("extra_time_percent BETWEEN 0 AND 200", name="extra_time_percent"),
)
"""A revision of a person's accommodations, from an event of enrollment. A row never changes.

Each row is an entry in the time ledgers of the person's attempts.
"""

results = Table(
    "results",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("assessment_id", Uuid, ForeignKey("assessments.assessment_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("points", Double, nullable=False),
    Column("points_possible", Double, nullable=False),
    Column("passed", Boolean, nullable=False),
    # `item_scores` has an entry for each item: the item id, the points, and the sequence number of the answer that
    # counted. The sequence number is null if there is no answer.
    Column("item_scores", JSONB, nullable=False),
    Column("scored_at", _TIME, nullable=False),
    UniqueConstraint("attempt_id", "version"),
    Index("ix_results_person_id", "person_id", "result_id"),
    Index("ix_results_session_id", "session_id", "result_id"),
)
"""A version of an attempt's result. A row never changes, because a correction is stored as a new version."""

releases = Table(
    "releases",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("released_by", Uuid, nullable=False),
    Column("release_reason", Text, nullable=False),
    Column("released_at", _TIME, nullable=False),
)
"""The release of a result by a person, with the reason. A row never changes."""

certificates = Table(
    "certificates",
    metadata,
    Column("certificate_id", Uuid, primary_key=True),
    Column("registration_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("course_id", Uuid, nullable=False),
    Column("title", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    # `traceparent` is the trace context of the course completion. Issuing the certificate continues the trace.
    Column("traceparent", Text),
    Column("due_at", _TIME, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("issued_at", _TIME),
    # The columns `holder_name`, `credential` and `pdf` are null until the certificate is issued.
    Column("holder_name", Text),
    Column("credential", Text),
    Column("pdf", LargeBinary),
    UniqueConstraint("registration_id"),
    Index("ix_certificates_person_id", "person_id", "certificate_id"),
    Index("ix_certificates_pending", "due_at", postgresql_where=text("issued_at IS NULL")),
)
"""The certificate of a completed registration. A trigger refuses every change of an issued certificate."""

issuer_keys = Table(
    "issuer_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("encrypted_seed", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
)
"""A key that signs credentials. The seed is encrypted with the master key. Only the oldest key is used."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("course_id", Uuid),
    Column("proctor_ids", ARRAY(Uuid), nullable=False),
    # The position of the event from which the proctors were stored.
    Column("proctors_position", BigInteger, nullable=False, server_default="0"),
    # Whether the session is closing, from the event at `closing_position`.
    Column("closing", Boolean, nullable=False, server_default=text("false")),
    Column("closing_position", BigInteger, nullable=False, server_default=text("0")),
    Column("ended_at", _TIME),
    # The position of the newest event about the end or the reopening of the session.
    Column("end_position", BigInteger, nullable=False, server_default=text("0")),
    # The time until which the proctors can reopen the session. The results are held until the event about the end of
    # this time, whose position is `final_position`, was handled. The column is then null.
    Column("held_until", _TIME),
    Column("final_position", BigInteger, nullable=False, server_default=text("0")),
    # The number of time events that concern all participants, from the end of the session.
    Column("time_event_count", Integer, nullable=False, server_default="0"),
    CheckConstraint("held_until IS NULL OR ended_at IS NOT NULL", name="held_until"),
)
"""A session. The rows are copied from session orchestration's events.

The row of a session is locked while the attempts of the session are created or closed.
"""

ready_participants = Table(
    "ready_participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
)
"""A participant who meets the identity policy of the session.

All other participants must be verified before they start an assessment.
"""

removed_participants = Table(
    "removed_participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
    Column("is_removed", Boolean, nullable=False, server_default=text("true")),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
)
"""A participant who was removed at least once. `is_removed` is false after a readmission.

`position` is the stream position of the newest event about the removal.
"""

ended_participants = Table(
    "ended_participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
    Column("is_ended", Boolean, nullable=False, server_default=text("true")),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
)
"""A participant for whom the session was ended at least once. `is_ended` is false after the end was undone.

`position` is the stream position of the newest event about the end.

The row prevents an older event that arrives later from creating an attempt.
"""

courses = Table(
    "courses",
    metadata,
    Column("course_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("hours", Double, nullable=False),
    Column("self_paced", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
)
"""A course. The rows are copied from enrollment's events.

`position` is the stream position of the newest event of the course.
"""

course_assessments = Table(
    "course_assessments",
    metadata,
    Column("course_id", Uuid, nullable=False),
    Column("assessment_id", Uuid, nullable=False),
    PrimaryKeyConstraint("course_id", "assessment_id"),
    Index("ix_course_assessments_assessment_id", "assessment_id"),
)
"""An assessment in the outline of a course."""

registrations = Table(
    "registrations",
    metadata,
    # `course_id` has no foreign key, because the event of a registration may arrive before the event of the course.
    Column("course_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    PrimaryKeyConstraint("course_id", "person_id"),
)
"""The registration of a person in a course. The rows are copied from enrollment's events."""
