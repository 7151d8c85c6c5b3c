"""The entry point of assessment, which connects the API, the subscribers and the workers."""

from __future__ import annotations

from proctorium.assessment.v1.assessments_pb2_grpc import add_AssessmentServiceServicer_to_server
from proctorium.assessment.v1.attempts_pb2_grpc import add_AttemptServiceServicer_to_server
from proctorium.assessment.v1.grading_pb2_grpc import add_GradingServiceServicer_to_server
from proctorium.assessment.v1.results_pb2_grpc import (
    add_CertificateServiceServicer_to_server,
    add_ResultServiceServicer_to_server,
    add_TranscriptServiceServicer_to_server,
)
from proctorium.enrollment.events.v1.events_pb2 import (
    CoursePublished,
    PersonAccommodationsChanged,
    PersonCertified,
    PersonDisabled,
    PersonRoleRevoked,
    PersonSignedOut,
    RegistrationCompleted,
    RegistrationCreated,
)
from proctorium.enrollment.v1.organisation_pb2_grpc import OrganisationServiceStub
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium.session.events.v1.events_pb2 import (
    BreakReturned,
    BreakStarted,
    ParticipantAssessmentAuthorized,
    ParticipantAuthorizationWithdrawn,
    ParticipantConnected,
    ParticipantDisconnected,
    ParticipantEnded,
    ParticipantEndUndone,
    ParticipantExtraTimeGranted,
    ParticipantJoined,
    ParticipantPaused,
    ParticipantReadmitted,
    ParticipantReady,
    ParticipantRemoved,
    ParticipantResumed,
    ParticipantReturnAdmitted,
    ParticipantReturnRequested,
    SessionClosing,
    SessionClosingCancelled,
    SessionEnded,
    SessionFinalized,
    SessionHandedOver,
    SessionPaused,
    SessionReopened,
    SessionResumed,
    SessionScheduled,
    SessionTaken,
)
from proctorium_access import certifications, revocations
from proctorium_access.signing_keys import signing_keys
from proctorium_assessment.api.assessments import AssessmentApi
from proctorium_assessment.api.attempts import AttemptApi
from proctorium_assessment.api.certificates import CertificateApi
from proctorium_assessment.api.results import GradingApi, ResultApi, TranscriptApi
from proctorium_assessment.operations.certificates import CertificateIssuer
from proctorium_assessment.operations.published_assessments import (
    DESCRIPTION,
    METRIC,
    PublishedAssessments,
)
from proctorium_assessment.operations.saving import AnswerSaver
from proctorium_assessment.operations.watch import AttemptWatch
from proctorium_assessment.settings import Settings
from proctorium_assessment.subscribers import accommodations, courses, sessions
from proctorium_assessment.workers.attempts import AttemptWorkers
from proctorium_assessment.workers.certificates import CertificateWorker
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service


def build(service: Service[Settings]) -> None:
    """Add the API, the subscribers and the workers to the service."""
    service.keys_from(signing_keys(service.channel("enrollment")))
    _add_apis(service)
    _subscribe(service)
    _add_workers(service)


def _subscribe(service: Service[Settings]) -> None:
    service.subscribe(
        "assessment--revocations",
        {
            PersonRoleRevoked: revocations.on_role_revoked,
            PersonDisabled: revocations.on_disabled,
            PersonSignedOut: revocations.on_signed_out,
        },
    )
    service.subscribe(
        "assessment--certifications",
        {
            PersonCertified: certifications.on_certified,
            PersonRoleRevoked: certifications.on_role_revoked,
        },
    )
    service.subscribe(
        "assessment--sessions",
        {
            SessionScheduled: sessions.on_session_scheduled,
            SessionTaken: sessions.on_proctors_changed,
            SessionHandedOver: sessions.on_proctors_changed,
            SessionClosing: sessions.on_session_closing,
            SessionClosingCancelled: sessions.on_session_closing_cancelled,
            SessionEnded: sessions.on_session_ended,
            SessionReopened: sessions.on_session_reopened,
            SessionFinalized: sessions.on_session_finalized,
            ParticipantJoined: sessions.on_participant_joined,
            ParticipantAssessmentAuthorized: sessions.on_participant_assessment_authorized,
            ParticipantAuthorizationWithdrawn: sessions.on_participant_authorization_withdrawn,
            ParticipantReady: sessions.on_participant_ready,
            ParticipantRemoved: sessions.on_participant_removed,
            ParticipantReadmitted: sessions.on_participant_readmitted,
            ParticipantEnded: sessions.on_participant_ended,
            ParticipantConnected: sessions.on_participant_connected,
            ParticipantDisconnected: sessions.on_participant_disconnected,
            ParticipantReturnAdmitted: sessions.on_participant_return_admitted,
            ParticipantReturnRequested: sessions.on_participant_return_requested,
            ParticipantEndUndone: sessions.on_participant_end_undone,
            ParticipantPaused: sessions.on_participant_paused,
            ParticipantResumed: sessions.on_participant_resumed,
            ParticipantExtraTimeGranted: sessions.on_participant_extra_time_granted,
            BreakStarted: sessions.on_break_started,
            BreakReturned: sessions.on_break_returned,
            SessionPaused: sessions.on_session_paused,
            SessionResumed: sessions.on_session_resumed,
        },
    )
    service.subscribe(
        "assessment--accommodations",
        {PersonAccommodationsChanged: accommodations.on_accommodations_changed},
    )
    service.subscribe(
        "assessment--courses",
        {
            CoursePublished: courses.on_course_published,
            RegistrationCreated: courses.on_registration_created,
            RegistrationCompleted: courses.on_registration_completed,
        },
    )


def _add_workers(service: Service[Settings]) -> None:
    database, settings = service.database, service.settings
    attempts = AttemptWorkers(
        database,
        progress_interval=settings.progress_interval,
        deadline_grace=settings.deadline_grace,
    )
    service.worker("progress", settings.worker_interval, attempts.publish_progress)
    service.worker("overdue-attempts", settings.worker_interval, attempts.submit_overdue)
    enrollment = service.channel("enrollment")
    issuer = CertificateIssuer(
        database,
        PersonServiceStub(enrollment),
        OrganisationServiceStub(enrollment),
        encryption=settings.issuer_encryption_key(),
        issuer_name=settings.issuer_name,
        public_url=settings.public_url,
        clock=service.clock,
    )
    service.worker(
        "certificates", settings.worker_interval, CertificateWorker(database, issuer).issue_due
    )


def _add_apis(service: Service[Settings]) -> None:
    database = service.database
    published = PublishedAssessments()
    metrics = service.telemetry.metrics
    metrics.observe(METRIC, DESCRIPTION, published.observations)
    saver = AnswerSaver(database, published, service.clock, metrics)
    watch = AttemptWatch(
        database, published, service.listener, service.settings.watch_heartbeat, metrics
    )
    service.on_close(saver.close)
    service.on_close(watch.close)
    service.rpc(add_AssessmentServiceServicer_to_server, AssessmentApi(database))
    service.rpc(
        add_AttemptServiceServicer_to_server,
        AttemptApi(database, published, service.clock, saver, watch),
    )
    service.rpc(add_ResultServiceServicer_to_server, ResultApi(database))
    service.rpc(add_GradingServiceServicer_to_server, GradingApi(database))
    service.rpc(add_CertificateServiceServicer_to_server, CertificateApi(database))
    service.rpc(add_TranscriptServiceServicer_to_server, TranscriptApi(database))


if __name__ == "__main__":
    main("proctorium_assessment", Settings, build)
