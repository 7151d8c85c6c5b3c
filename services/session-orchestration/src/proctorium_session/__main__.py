"""Assembly of the session orchestration service from its parts."""

from __future__ import annotations

import time

from opentelemetry.metrics import Observation

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.enrollment.events.v1 import events_pb2 as enrollment
from proctorium.identity.events.v1 import events_pb2 as identity
from proctorium.session.v1 import (
    breaks_pb2_grpc,
    hands_pb2_grpc,
    incidents_pb2_grpc,
    lobby_pb2,
    messages_pb2_grpc,
    reports_pb2_grpc,
    sessions_pb2_grpc,
    supervision_pb2_grpc,
)
from proctorium_access import certifications, revocations
from proctorium_access.signing_keys import signing_keys
from proctorium_common.events.handling import Batched
from proctorium_common.ids import new_id
from proctorium_common.process.commands import main
from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.service import Service
from proctorium_session.api.breaks import BreakApi
from proctorium_session.api.conversations import MessageApi
from proctorium_session.api.hands import HandApi
from proctorium_session.api.incidents import IncidentApi
from proctorium_session.api.lobby import LobbyApi, add_lobby_service, join_response
from proctorium_session.api.messages import PlanDefaults
from proctorium_session.api.record import RecordApi
from proctorium_session.api.reports import ReportApi
from proctorium_session.api.sessions import SessionApi
from proctorium_session.api.supervision import SupervisionApi
from proctorium_session.operations.assessments import Assessments
from proctorium_session.operations.conversations import Conversations
from proctorium_session.operations.coverage import ProctorPresence
from proctorium_session.operations.enrollment import GrpcEnrollment
from proctorium_session.operations.incidents import Incidents
from proctorium_session.operations.joining import Joining
from proctorium_session.operations.leases import Lease
from proctorium_session.operations.live import Live
from proctorium_session.operations.planning import SessionPlanning
from proctorium_session.operations.presence import Presence
from proctorium_session.operations.report import Reports
from proctorium_session.operations.report_sources import ReportSources
from proctorium_session.settings import Settings
from proctorium_session.subscribers import accommodations, attempts, codes, course_progress
from proctorium_session.subscribers import identity as cases
from proctorium_session.workers.closing import ClosingWorker
from proctorium_session.workers.course_progress import CourseProgressWorker
from proctorium_session.workers.lobbies import LobbyWorker
from proctorium_session.workers.overruns import OverrunWorker


def build(service: Service[Settings]) -> None:
    """Register the APIs, subscribers and workers of the service."""
    settings, database = service.settings, service.database
    service.keys_from(signing_keys(service.channel("enrollment")))
    enrollment_client = GrpcEnrollment(service.channel("enrollment"))
    live = Live(database, service.listener, service.telemetry.metrics)
    joining = Joining(database, enrollment_client, join_response, lobby_pb2.JoinSessionResponse)
    lease = Lease(settings.presence_lease, settings.presence_linger)
    replica_id = new_id()
    presence = Presence(
        database,
        replica_id,
        lease,
        time.monotonic,
        reconnect=settings.presence_reconnect,
        is_draining=lambda: service.server.is_draining,
    )
    proctor_presence = ProctorPresence(database, replica_id, lease, time.monotonic)
    service.telemetry.metrics.observe(
        "session.connected",
        "Learners, and open rosters of proctors and administrators, with a stream on this replica",
        lambda: [
            Observation(presence.connected, {"role": "learner"}),
            Observation(proctor_presence.connected, {"role": "proctor"}),
        ],
    )
    reports = Reports(
        database,
        ReportSources(service.channel("enrollment"), service.channel("assessment")),
        access_period=settings.record_access_period,
    )
    service.on_close(live.close)
    service.on_close(reports.close)
    service.on_close(joining.close)

    service.rpc(
        sessions_pb2_grpc.add_SessionServiceServicer_to_server,
        SessionApi(
            database,
            SessionPlanning(
                database, enrollment_client, Assessments(service.channel("assessment"))
            ),
            PlanDefaults(settings.uncovered_after, settings.auto_close_after),
        ),
    )
    service.rpc(
        add_lobby_service,
        LobbyApi(joining, live, presence, service.clock, watch_heartbeat=settings.watch_heartbeat),
    )
    service.rpc(
        supervision_pb2_grpc.add_SupervisionServiceServicer_to_server,
        SupervisionApi(
            database,
            live,
            proctor_presence,
            service.clock,
            watch_heartbeat=settings.watch_heartbeat,
        ),
    )
    service.rpc(
        supervision_pb2_grpc.add_RecordServiceServicer_to_server,
        RecordApi(database, access_period=settings.record_access_period),
    )
    service.rpc(
        incidents_pb2_grpc.add_IncidentServiceServicer_to_server,
        IncidentApi(Incidents(database, access_period=settings.record_access_period)),
    )
    service.rpc(reports_pb2_grpc.add_ReportServiceServicer_to_server, ReportApi(reports))
    service.rpc(hands_pb2_grpc.add_HandServiceServicer_to_server, HandApi(database))
    service.rpc(breaks_pb2_grpc.add_BreakServiceServicer_to_server, BreakApi(database))
    service.rpc(
        messages_pb2_grpc.add_MessageServiceServicer_to_server,
        MessageApi(Conversations(database, access_period=settings.record_access_period)),
    )

    service.subscribe(
        "session--revocations",
        {
            enrollment.PersonRoleRevoked: revocations.on_role_revoked,
            enrollment.PersonDisabled: revocations.on_disabled,
            enrollment.PersonSignedOut: revocations.on_signed_out,
        },
    )
    service.subscribe(
        "session--certifications",
        {
            enrollment.PersonCertified: certifications.on_certified,
            enrollment.PersonRoleRevoked: certifications.on_role_revoked,
        },
    )
    service.subscribe(
        "session--accommodations",
        {enrollment.PersonAccommodationsChanged: accommodations.on_person_accommodations_changed},
    )
    service.subscribe(
        "session--course-progress",
        {enrollment.ProgressRecorded: Batched(course_progress.on_progress_recorded)},
    )
    service.subscribe("session--codes", {enrollment.CodeIssued: codes.on_code_issued})
    service.subscribe(
        "session--identity",
        {
            identity.CaseOpened: cases.on_case_opened,
            identity.CaseSubmitted: cases.on_case_submitted,
            identity.CaseVerified: cases.on_case_verified,
            identity.CaseRejected: cases.on_case_rejected,
            identity.CaseResubmissionRequested: cases.on_case_resubmission_requested,
            identity.CaseAlternativeCheckRequested: cases.on_case_alternative_check_requested,
        },
    )
    service.subscribe(
        "session--attempts",
        {
            assessment.AttemptCreated: attempts.on_attempt_created,
            assessment.AttemptAuthorized: attempts.on_attempt_authorized,
            assessment.AttemptAuthorizationWithdrawn: attempts.on_attempt_authorization_withdrawn,
            assessment.AttemptStarted: attempts.on_attempt_started,
            assessment.AttemptTimeChanged: attempts.on_attempt_time_changed,
            assessment.AttemptSavedDuringStop: attempts.on_attempt_saved_during_stop,
            assessment.AttemptEntered: attempts.on_attempt_entered,
            assessment.AttemptSavedOnOlderDevice: attempts.on_attempt_saved_on_older_device,
            assessment.AttemptProgressed: attempts.on_attempt_progressed,
            assessment.AttemptSubmitted: attempts.on_attempt_submitted,
            assessment.AttemptReopened: attempts.on_attempt_reopened,
            assessment.AttemptVoided: attempts.on_attempt_voided,
            assessment.AttemptRestored: attempts.on_attempt_restored,
            assessment.ResultReleased: attempts.on_result_released,
        },
    )
    service.worker("lobby", settings.lobby_every, LobbyWorker(database).run)
    service.worker("closing", settings.closing_every, ClosingWorker(database).run)
    service.worker("overruns", settings.overrun_every, OverrunWorker(database).run)
    service.worker(
        "course-progress", settings.course_progress_every, CourseProgressWorker(database).run
    )
    # The leases of open streams are stored by the process that has the streams.
    serve = [ProcessRole.SERVE]
    service.worker("presence", settings.presence_every, presence.run, roles=serve)
    service.worker("coverage", settings.coverage_every, proctor_presence.run, roles=serve)


if __name__ == "__main__":
    main("proctorium_session", Settings, build)
