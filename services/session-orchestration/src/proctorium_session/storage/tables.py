"""The tables of session orchestration. The migrations in `migrations/` also create functions and triggers."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint

from proctorium_access.certifications import certifications_table
from proctorium_common.storage.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

_TIME = DateTime(timezone=True)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("course_id", Uuid, nullable=False),
    Column("assessment_ids", ARRAY(Uuid), nullable=False),
    Column("title", Text, nullable=False),
    Column("start_time", _TIME, nullable=False),
    Column("duration", Interval, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("lobby_lead", Interval, nullable=False),
    Column("late_entry", Text, nullable=False),
    Column("late_entry_limit", Interval, nullable=False),
    Column("identity_policy", Text, nullable=False),
    Column(
        "uncovered_after", Interval, nullable=False, server_default=text("interval '30 seconds'")
    ),
    Column(
        "closing_countdown", Interval, nullable=False, server_default=text("interval '60 seconds'")
    ),
    Column(
        "auto_close_after", Interval, nullable=False, server_default=text("interval '30 minutes'")
    ),
    Column("reopen_window", Interval, nullable=False, server_default=text("interval '5 minutes'")),
    Column("break_count", SmallInteger, nullable=False, server_default=text("0")),
    Column("break_length", Interval, nullable=False, server_default=text("'0'")),
    Column("break_total", Interval, nullable=False, server_default=text("'0'")),
    Column("break_stops_clock", Boolean, nullable=False, server_default=text("false")),
    Column("questions_shown_while_paused", Boolean, nullable=False, server_default=text("false")),
    Column("returned_limit", Interval, nullable=False, server_default=text("'0'")),
    Column("return_requires_approval", Boolean, nullable=False, server_default=text("false")),
    Column(
        "return_approval_grace",
        Interval,
        nullable=False,
        server_default=text("interval '30 seconds'"),
    ),
    Column("state", Text, nullable=False),
    Column("lobby_open_time", _TIME, nullable=False),
    Column("actual_start_time", _TIME),
    Column("end_time", _TIME),
    Column("ended_by", Uuid),
    # A trigger on `participants` updates `participant_count` when participants are inserted.
    Column("participant_count", Integer, nullable=False, server_default=text("0")),
    # A trigger on `messages` updates `announcement_count`, and sets `message_revision` to the revision in which the
    # newest message of any conversation was sent.
    Column("announcement_count", Integer, nullable=False, server_default=text("0")),
    Column("message_revision", BigInteger, nullable=False, server_default=text("0")),
    Column("revision", BigInteger, nullable=False),
    Column("session_revision", BigInteger, nullable=False),
    Column("record_number", BigInteger, nullable=False),
    Column("record_hash", LargeBinary, nullable=False),
    # A trigger on `pauses` copies the open pause of the session to these columns.
    Column("pause_id", Uuid),
    Column("paused_at", _TIME),
    Column("pause_reason", Text, nullable=False, server_default=text("''")),
    # The closing of the session. `closed_by` is null if the session closes automatically.
    Column("closing_end_at", _TIME),
    Column("closed_by", Uuid),
    Column("closed_by_role", Text),
    # `late_end` is the expected end if it is later than the planned end. `overdue_at` is the time since which a paused
    # attempt prevents the automatic closing.
    Column("late_end", _TIME),
    Column("overdue_at", _TIME),
    # The time at which a person last cancelled a closing or reopened the session.
    Column("closing_cancelled_at", _TIME),
    # The time until which the proctors can reopen the session. It is null if they cannot.
    Column("reopen_until", _TIME),
    # The number of units of the course when the session was planned. The outline of a course never changes.
    Column("course_unit_count", Integer, nullable=False, server_default=text("0")),
    # The coverage of the session. A trigger clears it when the session is over.
    Column("present_ids", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("absent_at", _TIME),
    Column("uncovered_at", _TIME),
    Column("coverage_revision", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("participant_count BETWEEN 0 AND capacity", name="capacity"),
    CheckConstraint(
        "state IN ('scheduled', 'lobby_open', 'in_progress', 'closing', 'ended', 'cancelled')",
        name="state",
    ),
    CheckConstraint("duration > interval '0'", name="duration"),
    CheckConstraint("late_entry IN ('closed', 'until', 'approval')", name="late_entry"),
    CheckConstraint("identity_policy IN ('none', 'before_assessment')", name="identity_policy"),
    CheckConstraint(
        "(state IN ('in_progress', 'closing', 'ended')) = (actual_start_time IS NOT NULL)",
        name="started",
    ),
    CheckConstraint(
        "(state = 'ended') = (end_time IS NOT NULL) AND (state = 'ended' OR ended_by IS NULL)",
        name="ended",
    ),
    CheckConstraint("(state = 'closing') = (closing_end_at IS NOT NULL)", name="closing"),
    CheckConstraint(
        "(closed_by IS NULL) = (closed_by_role IS NULL)"
        " AND (closed_by IS NULL OR closing_end_at IS NOT NULL)"
        " AND closed_by_role IN ('proctor', 'administrator')",
        name="closed_by",
    ),
    CheckConstraint("overdue_at IS NULL OR state = 'in_progress'", name="overdue"),
    CheckConstraint(
        "closing_countdown BETWEEN interval '0' AND interval '10 minutes'",
        name="closing_countdown",
    ),
    CheckConstraint(
        "auto_close_after BETWEEN interval '0' AND interval '24 hours'", name="auto_close_after"
    ),
    CheckConstraint(
        "reopen_window BETWEEN interval '0' AND interval '1 hour'", name="reopen_window"
    ),
    CheckConstraint("reopen_until IS NULL OR state = 'ended'", name="reopen_until"),
    CheckConstraint("course_unit_count >= 0", name="course_unit_count"),
    CheckConstraint(
        "uncovered_after BETWEEN interval '1 second' AND interval '10 minutes'",
        name="uncovered_after",
    ),
    CheckConstraint(
        "break_count = 0 AND break_length = interval '0' AND break_total = interval '0'"
        " OR break_count BETWEEN 1 AND 20 AND break_length > interval '0'"
        " AND break_total BETWEEN break_length AND break_count * break_length",
        name="break_policy",
    ),
    CheckConstraint("present_ids = '{}' OR absent_at IS NULL", name="absent"),
    CheckConstraint("uncovered_at IS NULL OR absent_at IS NOT NULL", name="uncovered"),
    CheckConstraint(
        "state NOT IN ('scheduled', 'ended', 'cancelled') OR present_ids = '{}' AND absent_at IS NULL",
        name="coverage",
    ),
    Index("ix_sessions_start_time_session_id", "start_time", "session_id"),
    Index("ix_sessions_lobby_due", "lobby_open_time", postgresql_where=text("state = 'scheduled'")),
    Index("ix_sessions_closing_due", "closing_end_at", postgresql_where=text("state = 'closing'")),
    Index(
        "ix_sessions_reopen_until",
        "reopen_until",
        postgresql_where=text("reopen_until IS NOT NULL"),
    ),
    Index("ix_sessions_in_progress", "start_time", postgresql_where=text("state = 'in_progress'")),
    Index(
        "ix_sessions_covered",
        "session_id",
        postgresql_where=text("state NOT IN ('scheduled', 'ended', 'cancelled')"),
    ),
    Index(
        "ix_sessions_uncovered",
        "uncovered_at",
        "session_id",
        postgresql_where=text("uncovered_at IS NOT NULL"),
    ),
)
"""Sessions. A row contains the plan, the state and the revision of a session, and the head of its record."""

session_proctors = Table(
    "session_proctors",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("proctor_id", Uuid, nullable=False),
    # The ordinal of the lead proctor is 0.
    Column("ordinal", SmallInteger, nullable=False),
    # Triggers compute `period` and `live` from the session, because the exclusion constraint needs them. `live` is
    # whether the session is not over.
    Column("period", TSTZRANGE, nullable=False),
    Column("live", Boolean, nullable=False),
    PrimaryKeyConstraint("session_id", "proctor_id"),
    UniqueConstraint("session_id", "ordinal"),
    ExcludeConstraint(
        ("proctor_id", "="),
        ("period", "&&"),
        name="ex_session_proctors_overlap",
        using="gist",
        where=text("live"),
    ),
)
"""The proctors of sessions, one row for each proctor of a session.

A constraint refuses overlapping sessions of one proctor, unless one of the sessions is over.
"""

certifications = certifications_table(metadata)
"""The certifications of proctors.

The certifications are copied from enrollment, so that a session can be started without a call to enrollment.
"""

session_learners = Table(
    "session_learners",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    PrimaryKeyConstraint("session_id", "person_id"),
    Index("ix_session_learners_person_id", "person_id"),
)
"""The invited learners of sessions, one row for each invited learner of a session."""

participants = Table(
    "participants",
    metadata,
    Column("participant_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("connected", Boolean, nullable=False, server_default=text("false")),
    Column("identity", Text, nullable=False),
    Column("identity_position", BigInteger, nullable=False, server_default=text("0")),
    # The reason of the person who requested an identity check. It is empty if the plan requires the check. A trigger
    # refuses to change it.
    Column("identity_check_reason", Text, nullable=False, server_default=text("''")),
    Column("join_time", _TIME, nullable=False),
    Column("entered_time", _TIME),
    Column("ready_time", _TIME),
    # A copy of the participant's open removal in `removals`.
    Column("removal_id", Uuid),
    Column("removed_at", _TIME),
    Column("removal_reason", Text, nullable=False, server_default=text("''")),
    # A trigger on `messages` updates `message_count` and the numbers of unread messages when a message is sent.
    Column("message_count", Integer, nullable=False, server_default=text("0")),
    Column("learner_read", Integer, nullable=False, server_default=text("0")),
    Column("proctors_read", Integer, nullable=False, server_default=text("0")),
    Column("learner_unread", Integer, nullable=False, server_default=text("0")),
    Column("proctors_unread", Integer, nullable=False, server_default=text("0")),
    Column("announcements_read", Integer, nullable=False, server_default=text("0")),
    # A trigger on `hands` copies the raised hand of the participant to these columns.
    Column("hand_id", Uuid),
    Column("hand_kind", Text),
    Column("hand_raised_at", _TIME),
    # `revision` is the revision of the session in which the participant last changed.
    Column("revision", BigInteger, nullable=False),
    # A trigger on `pauses` copies the open pause of the participant to these columns.
    Column("pause_id", Uuid),
    Column("paused_at", _TIME),
    Column("pause_reason", Text, nullable=False, server_default=text("''")),
    # A trigger on `extra_time_grants` updates these columns.
    Column("extra_time", Interval, nullable=False, server_default=text("'0'")),
    Column("extra_time_reason", Text, nullable=False, server_default=text("''")),
    Column("denial_reason", Text, nullable=False, server_default=text("''")),
    # A trigger on `endings` copies the end for the participant to these columns.
    Column("ending_id", Uuid),
    Column("ended_at", _TIME),
    Column("end_reason", Text, nullable=False, server_default=text("''")),
    # A trigger on `breaks` updates these columns. `latest_break_id` is the newest break in any state.
    Column("latest_break_id", Uuid),
    Column("used_break_count", Integer, nullable=False, server_default=text("0")),
    Column("used_break_time", Interval, nullable=False, server_default=text("'0'")),
    # The time from which the session continues for the participant after a reopening, an undone end or a readmission.
    Column("continued_at", _TIME),
    # A trigger on `outages` copies the newest outage of the participant to these columns.
    Column("outage_id", Uuid),
    Column("outage_started_at", _TIME),
    Column("outage_ended_at", _TIME),
    # A trigger on `return_requests` copies the open request of the participant to these columns.
    Column("return_request_id", Uuid),
    Column("return_requested_at", _TIME),
    Column("return_denial_reason", Text, nullable=False, server_default=text("''")),
    UniqueConstraint("session_id", "person_id"),
    CheckConstraint(
        "state IN ('awaiting_approval', 'denied', 'waiting', 'in_session', 'completed', 'removed',"
        " 'no_show', 'left')",
        name="state",
    ),
    CheckConstraint(
        "identity IN ('not_required', 'requested', 'submitted', 'verified', 'rejected',"
        " 'resubmission_requested')",
        name="identity",
    ),
    CheckConstraint(
        "(identity_check_reason = '' OR identity <> 'not_required')"
        " AND length(identity_check_reason) <= 1000",
        name="identity_check_reason",
    ),
    CheckConstraint("(state = 'removed') = (removal_reason <> '')", name="removal_reason"),
    # When the session ends, a denied learner who was not admitted becomes a no-show, and can still read the reason.
    CheckConstraint(
        "CASE state WHEN 'denied' THEN denial_reason <> '' WHEN 'no_show' THEN true"
        " ELSE denial_reason = '' END AND length(denial_reason) <= 1000",
        name="denial_reason",
    ),
    CheckConstraint("removal_id IS NULL OR state = 'removed'", name="removal"),
    CheckConstraint(
        "ending_id IS NULL OR state IN ('completed', 'left', 'removed')", name="ending"
    ),
    CheckConstraint(
        "learner_read BETWEEN 0 AND message_count AND proctors_read BETWEEN 0 AND message_count"
        " AND announcements_read >= 0",
        name="read_marks",
    ),
    CheckConstraint(
        "learner_unread BETWEEN 0 AND message_count - learner_read"
        " AND proctors_unread BETWEEN 0 AND message_count - proctors_read",
        name="unread",
    ),
    CheckConstraint("extra_time BETWEEN interval '0' AND interval '24 hours'", name="extra_time"),
    Index("ix_participants_person_id", "person_id"),
    Index("ix_participants_session_id_revision", "session_id", "revision"),
    Index("ix_participants_connected", "participant_id", postgresql_where=text("connected")),
)
"""Participants, one row for each learner who has joined a session."""

pauses = Table(
    "pauses",
    metadata,
    Column("pause_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    # `participant_id` is null for a pause of the whole session.
    Column("participant_id", Uuid, ForeignKey("participants.participant_id")),
    Column("pause_reason", Text, nullable=False),
    Column("paused_at", _TIME, nullable=False),
    Column("paused_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    Column("resumed_at", _TIME),
    Column("resumed_by", Uuid),
    CheckConstraint("pause_reason <> '' AND length(pause_reason) <= 1000", name="pause_reason"),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
    CheckConstraint("(resumed_at IS NULL) = (resumed_by IS NULL)", name="resumed"),
    CheckConstraint("resumed_at >= paused_at", name="resumed_at"),
    Index(
        "uq_pauses_open_session",
        "session_id",
        unique=True,
        postgresql_where=text("resumed_at IS NULL AND participant_id IS NULL"),
    ),
    Index(
        "uq_pauses_open_participant",
        "participant_id",
        unique=True,
        postgresql_where=text("resumed_at IS NULL AND participant_id IS NOT NULL"),
    ),
)
"""Pauses of sessions and participants. A trigger refuses every change of a row except the end of the pause.

At most one pause of a session and one pause of a participant are open.
"""

removals = Table(
    "removals",
    metadata,
    Column("removal_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("removal_reason", Text, nullable=False),
    Column("removed_at", _TIME, nullable=False),
    Column("removed_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    Column("readmitted_at", _TIME),
    Column("readmitted_by", Uuid),
    CheckConstraint(
        "removal_reason <> '' AND length(removal_reason) <= 1000", name="removal_reason"
    ),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
    CheckConstraint("(readmitted_at IS NULL) = (readmitted_by IS NULL)", name="readmitted"),
    CheckConstraint("readmitted_at >= removed_at", name="readmitted_at"),
    Index(
        "uq_removals_open",
        "participant_id",
        unique=True,
        postgresql_where=text("readmitted_at IS NULL"),
    ),
)
"""Removals of participants. A trigger refuses every change of a row except the readmission.

A participant has at most one removal without a readmission.
"""

endings = Table(
    "endings",
    metadata,
    Column("ending_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("end_reason", Text, nullable=False),
    Column("ended_at", _TIME, nullable=False),
    Column("ended_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    Column("undone_at", _TIME),
    Column("undone_by", Uuid),
    Column("undone_role", Text),
    CheckConstraint("num_nulls(undone_at, undone_by, undone_role) IN (0, 3)", name="undone"),
    CheckConstraint("undone_at >= ended_at", name="undone_at"),
    CheckConstraint("undone_role IN ('proctor', 'administrator')", name="undone_role"),
    Index(
        "uq_endings_valid",
        "participant_id",
        unique=True,
        postgresql_where=text("undone_at IS NULL"),
    ),
    CheckConstraint("end_reason <> '' AND length(end_reason) <= 1000", name="end_reason"),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
)
"""The ends of sessions for single participants. A trigger refuses every change of a row except that it is undone.

At most one end for a participant is not undone.
"""

extra_time_grants = Table(
    "extra_time_grants",
    metadata,
    Column("grant_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    # `amount` is negative if extra time was taken back.
    Column("amount", Interval, nullable=False),
    Column("extra_time_reason", Text, nullable=False),
    Column("granted_at", _TIME, nullable=False),
    Column("granted_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    CheckConstraint("amount <> interval '0'", name="amount"),
    CheckConstraint(
        "extra_time_reason <> '' AND length(extra_time_reason) <= 1000", name="extra_time_reason"
    ),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
)
"""Grants and withdrawals of extra time. A row never changes."""

breaks = Table(
    "breaks",
    metadata,
    Column("break_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at", _TIME, nullable=False),
    Column("length", Interval),
    Column("refusal_reason", Text, nullable=False, server_default=text("''")),
    Column("started_at", _TIME),
    # `closed_at` is the time at which the break was refused or cancelled, or at which it ended.
    Column("closed_at", _TIME),
    Column("overrun_at", _TIME),
    CheckConstraint(
        "state IN ('requested', 'granted', 'refused', 'started', 'returned', 'cancelled')",
        name="state",
    ),
    CheckConstraint("length BETWEEN interval '1 second' AND interval '12 hours'", name="length"),
    CheckConstraint(
        "state NOT IN ('granted', 'started', 'returned') OR length IS NOT NULL", name="granted"
    ),
    CheckConstraint("state NOT IN ('requested', 'refused') OR length IS NULL", name="not_granted"),
    CheckConstraint("(state = 'refused') = (refusal_reason <> '')", name="refused"),
    CheckConstraint("length(refusal_reason) <= 1000", name="refusal_reason"),
    CheckConstraint(
        "(state IN ('started', 'returned')) = (started_at IS NOT NULL)", name="started"
    ),
    CheckConstraint(
        "(state IN ('refused', 'returned', 'cancelled')) = (closed_at IS NOT NULL)", name="closed"
    ),
    CheckConstraint("closed_at >= started_at", name="closed_at"),
    CheckConstraint("overrun_at >= started_at + length", name="overrun_at"),
    CheckConstraint("overrun_at IS NULL OR started_at IS NOT NULL", name="overrun"),
    Index(
        "uq_breaks_open",
        "participant_id",
        unique=True,
        postgresql_where=text("state IN ('requested', 'granted', 'started')"),
    ),
    Index("ix_breaks_session_id_requested_at", "session_id", "requested_at", "break_id"),
    Index("ix_breaks_participant_id_requested_at", "participant_id", "requested_at"),
    Index(
        "ix_breaks_started",
        "started_at",
        postgresql_where=text("state = 'started' AND overrun_at IS NULL"),
    ),
)
"""The breaks of participants. A participant has at most one open break.

Triggers refuse every transition that the state machine does not have, and breaks beyond the allowance.
"""

break_allowances = Table(
    "break_allowances",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("extra", Interval, nullable=False),
    CheckConstraint("extra BETWEEN interval '0' AND interval '120 minutes'", name="extra"),
)
"""The extra break time of people's accommodations, from the newest revision of enrollment's events."""

course_progress = Table(
    "course_progress",
    metadata,
    Column("course_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("finished_unit_count", Integer, nullable=False),
    # Whether the rosters of the learner's sessions were not updated since the number changed.
    Column("pending", Boolean, nullable=False),
    PrimaryKeyConstraint("course_id", "person_id"),
    CheckConstraint("finished_unit_count >= 0", name="finished_unit_count"),
    Index("ix_course_progress_pending", "course_id", "person_id", postgresql_where=text("pending")),
)
"""The number of units of each course that each learner has finished, from enrollment's events.

A trigger refuses to reduce the number.
"""

participant_assessments = Table(
    "participant_assessments",
    metadata,
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("assessment_id", Uuid, nullable=False),
    Column("attempt_id", Uuid),
    # `state` is the number of a ProgressState. Within one attempt, it decreases only if an authorisation is withdrawn,
    # or if a submitted attempt is reopened. `state_position` is the position of the newest event about the state.
    Column("state", SmallInteger, nullable=False),
    Column("state_position", BigInteger, nullable=False, server_default="0"),
    Column("answered_count", Integer, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    # `authorization_revision` is the revision of the session with the last authorisation or withdrawal.
    Column("authorization_revision", BigInteger, nullable=False, server_default=text("0")),
    # `withdrawal` is null unless a withdrawal is pending or came after the start.
    Column("withdrawal", Text),
    # The time of an attempt in progress, from the event at `time_position`.
    Column("deadline_at", _TIME),
    Column("stopped", Boolean, nullable=False, server_default=text("false")),
    Column("stopped_remaining", Interval),
    Column("time_position", BigInteger, nullable=False, server_default=text("0")),
    Column("returned_time", Interval, nullable=False, server_default=text("'0'")),
    PrimaryKeyConstraint("participant_id", "assessment_id"),
    CheckConstraint("state BETWEEN 1 AND 6", name="state"),
    CheckConstraint(
        "CASE withdrawal WHEN 'pending' THEN state = 2 WHEN 'already_started' THEN state BETWEEN 3 AND 5"
        " ELSE withdrawal IS NULL END",
        name="withdrawal",
    ),
)
"""The progress of participants in assessments.

The first event or authorisation for a participant and an assessment inserts the row.
"""

session_record = Table(
    "session_record",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("time", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("participant_id", Uuid),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("session_id", "number"),
)
"""The entries of session records, one row for each entry. Hashes link the rows. Rows never change."""

record_accesses = Table(
    "record_accesses",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    # A row covers all pages that a person reads within one minute. This limits the number of rows.
    Column("minute", _TIME, nullable=False),
    Column("accessed_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    PrimaryKeyConstraint("session_id", "minute", "accessed_by", "acting_role"),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
    CheckConstraint("minute = date_trunc('minute', minute)", name="minute"),
)
"""Accesses to session records, one row for each person, role and minute. Rows never change."""

incidents = Table(
    "incidents",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id")),
    Index("ix_incidents_session_id_incident_id", "session_id", "incident_id"),
)
"""The incidents of sessions. Rows never change."""

incident_revisions = Table(
    "incident_revisions",
    metadata,
    Column("incident_id", Uuid, ForeignKey("incidents.incident_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("category_id", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("note", Text, nullable=False),
    # `note_key` is the key of the note's hash. Events and the session record contain this hash instead of the note.
    Column("note_key", LargeBinary, nullable=False),
    Column("occurred_at", _TIME, nullable=False),
    Column("written_by", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    Column("written_at", _TIME, nullable=False),
    PrimaryKeyConstraint("incident_id", "revision"),
    CheckConstraint("revision BETWEEN 1 AND 100", name="revision"),
    CheckConstraint("severity IN ('note', 'warning', 'serious')", name="severity"),
    CheckConstraint("note <> '' AND length(note) <= 2000", name="note"),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
)
"""The revisions of incidents. Rows never change. The newest revision of an incident is valid."""

messages = Table(
    "messages",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    # `participant_id` is null if the message is an announcement.
    Column("participant_id", Uuid, ForeignKey("participants.participant_id")),
    Column("sequence", Integer, nullable=False),
    # `revision` is the revision of the session in which the message was sent.
    Column("revision", BigInteger, nullable=False),
    Column("sender_id", Uuid, nullable=False),
    Column("acting_role", Text, nullable=False),
    Column("text", Text, nullable=False),
    # `text_key` is the key of the text's hash. Events and the session record contain this hash instead of the text.
    Column("text_key", LargeBinary, nullable=False),
    Column("sent_at", _TIME, nullable=False),
    UniqueConstraint(
        "session_id", "participant_id", "sequence", postgresql_nulls_not_distinct=True
    ),
    UniqueConstraint("session_id", "revision"),
    CheckConstraint("sequence BETWEEN 1 AND 2000", name="sequence"),
    CheckConstraint("text <> '' AND length(text) <= 2000", name="text"),
    CheckConstraint("acting_role IN ('learner', 'proctor', 'administrator')", name="acting_role"),
    CheckConstraint("participant_id IS NOT NULL OR acting_role <> 'learner'", name="announcement"),
    Index("ix_messages_participant_id_sequence", "participant_id", "sequence"),
)
"""The messages and announcements of sessions. Rows never change. A trigger refuses gaps between sequences."""

hands = Table(
    "hands",
    metadata,
    Column("hand_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("raised_at", _TIME, nullable=False),
    Column("closed_at", _TIME),
    CheckConstraint("kind IN ('help', 'technical', 'break', 'other')", name="kind"),
    CheckConstraint("state IN ('raised', 'answered', 'lowered')", name="state"),
    CheckConstraint("(state = 'raised') = (closed_at IS NULL)", name="closed"),
    Index(
        "ix_hands_raised",
        "participant_id",
        unique=True,
        postgresql_where=text("state = 'raised'"),
    ),
    Index(
        "ix_hands_queue",
        "session_id",
        "raised_at",
        "hand_id",
        postgresql_where=text("state = 'raised'"),
    ),
    Index("ix_hands_participant_id_raised_at", "participant_id", "raised_at"),
)
"""The hands of participants. A participant has at most one raised hand."""

presence = Table(
    "presence",
    metadata,
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("replica_id", Uuid, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("renewed_at", _TIME, nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("participant_id", "replica_id"),
    Index("ix_presence_expires_at", "expires_at"),
    prefixes=["UNLOGGED"],
)
"""Leases, one row for each participant and each replica on which the participant has an open stream.

The table is unlogged, because its rows are updated every few seconds.
"""

presence_replicas = Table(
    "presence_replicas",
    metadata,
    Column("replica_id", Uuid, primary_key=True),
    # The replica has run without a gap longer than a lease from `since` to `seen_at`.
    Column("since", _TIME, nullable=False),
    Column("seen_at", _TIME, nullable=False),
    prefixes=["UNLOGGED"],
)
"""The replicas that store leases. A lease that expired while its replica was away does not count as a lost
connection."""

outages = Table(
    "outages",
    metadata,
    Column("outage_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("started_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    CheckConstraint("ended_at >= started_at", name="ended_at"),
    Index(
        "uq_outages_open", "participant_id", unique=True, postgresql_where=text("ended_at IS NULL")
    ),
    Index("ix_outages_session_id", "session_id"),
)
"""Outages of participants. A trigger refuses every change of a row except the end. At most one outage of a participant
is open."""

proctor_presence = Table(
    "proctor_presence",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("replica_id", Uuid, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    PrimaryKeyConstraint("session_id", "person_id", "replica_id"),
    Index("ix_proctor_presence_expires_at", "expires_at"),
    prefixes=["UNLOGGED"],
)
"""Leases of proctors and administrators, one row for each person, session and replica with an open roster.

The table is unlogged, because its rows are updated every few seconds.
"""

return_requests = Table(
    "return_requests",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id"), nullable=False),
    Column("participant_id", Uuid, ForeignKey("participants.participant_id"), nullable=False),
    Column("requested_at", _TIME, nullable=False),
    Column("denial_reason", Text, nullable=False, server_default=text("''")),
    Column("admitted_at", _TIME),
    Column("decided_by", Uuid),
    Column("acting_role", Text),
    CheckConstraint("length(denial_reason) <= 1000", name="denial_reason"),
    CheckConstraint("admitted_at >= requested_at", name="admitted_at"),
    CheckConstraint(
        "(decided_by IS NOT NULL) = (acting_role IS NOT NULL)"
        " AND (decided_by IS NOT NULL) = (admitted_at IS NOT NULL OR denial_reason <> '')",
        name="decided",
    ),
    CheckConstraint("acting_role IN ('proctor', 'administrator')", name="acting_role"),
    Index(
        "uq_return_requests_open",
        "participant_id",
        unique=True,
        postgresql_where=text("admitted_at IS NULL"),
    ),
)
"""Requests of learners to be let back in after an outage. A trigger refuses every change except a denial and the
admission. A participant has at most one open request."""
