"""The entry point of notification, which connects the API, the subscribers and the workers."""

from __future__ import annotations

from datetime import timedelta

from proctorium.assessment.events.v1.events_pb2 import CertificateIssued, ResultReleased
from proctorium.enrollment.events.v1.events_pb2 import (
    CodeIssued,
    PersonDisabled,
    PersonEnabled,
    PersonRoleRevoked,
    PersonSignedOut,
)
from proctorium.identity.events.v1.events_pb2 import (
    CaseRejected,
    CaseResubmissionRequested,
    CaseVerified,
)
from proctorium.notification.v1.notifications_pb2_grpc import (
    add_DeliveryServiceServicer_to_server,
    add_InboxServiceServicer_to_server,
)
from proctorium.session.events.v1.events_pb2 import (
    ParticipantEnded,
    ParticipantEndUndone,
    ParticipantIdentityCheckRequested,
    ParticipantReadmitted,
    ParticipantRemoved,
    SessionCancelled,
    SessionCovered,
    SessionEnded,
    SessionHandedOver,
    SessionReopened,
    SessionScheduled,
    SessionTaken,
    SessionUncovered,
)
from proctorium_access import revocations
from proctorium_access.signing_keys import signing_keys
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_notification.api.deliveries import DeliveryApi
from proctorium_notification.api.inbox import InboxApi
from proctorium_notification.commands import PREVIEW
from proctorium_notification.operations.alarms import Alarms
from proctorium_notification.operations.directory import Directory
from proctorium_notification.operations.inbox import Inbox
from proctorium_notification.operations.sending import Sender
from proctorium_notification.rendering.mail import MailBuilder
from proctorium_notification.rendering.renderer import Renderer
from proctorium_notification.settings import Settings
from proctorium_notification.subscribers import enrollment, identity, results, sessions
from proctorium_notification.transport.smtp import MailServer, SmtpClient
from proctorium_notification.workers.backlog import (
    REASON_DESCRIPTION,
    REASON_METRIC,
    STATE_DESCRIPTION,
    STATE_METRIC,
    Backlog,
)
from proctorium_notification.workers.sending import SendingWorker


def build(service: Service[Settings]) -> None:
    """Add the API, the subscribers and the workers to the service."""
    settings, database = service.settings, service.database
    service.keys_from(signing_keys(service.channel("enrollment")))
    directory = Directory(service.channel("enrollment"))
    inbox = Inbox(database, directory, Renderer(settings.public_url))
    service.rpc(add_InboxServiceServicer_to_server, InboxApi(inbox))
    service.rpc(add_DeliveryServiceServicer_to_server, DeliveryApi(database))
    service.subscribe(
        "notification--revocations",
        {
            PersonRoleRevoked: revocations.on_role_revoked,
            PersonDisabled: revocations.on_disabled,
            PersonSignedOut: revocations.on_signed_out,
        },
    )
    service.subscribe(
        "notification--accounts",
        {
            PersonRoleRevoked: enrollment.on_person_role_revoked,
            PersonDisabled: enrollment.on_person_disabled,
            PersonEnabled: enrollment.on_person_enabled,
        },
    )
    service.subscribe("notification--codes", {CodeIssued: enrollment.on_code_issued})
    service.subscribe(
        "notification--sessions",
        {
            SessionScheduled: sessions.on_session_scheduled,
            SessionCancelled: sessions.on_session_cancelled,
            SessionEnded: sessions.on_session_ended,
            SessionReopened: sessions.on_session_reopened,
            SessionUncovered: sessions.on_session_uncovered,
            SessionCovered: sessions.on_session_covered,
            SessionTaken: sessions.on_session_taken,
            SessionHandedOver: sessions.on_session_handed_over,
            ParticipantIdentityCheckRequested: sessions.on_participant_identity_check_requested,
            ParticipantRemoved: sessions.on_participant_removed,
            ParticipantReadmitted: sessions.on_participant_readmitted,
            ParticipantEnded: sessions.on_participant_ended,
            ParticipantEndUndone: sessions.on_participant_end_undone,
        },
    )
    service.subscribe(
        "notification--identity",
        {
            CaseVerified: identity.on_case_verified,
            CaseRejected: identity.on_case_rejected,
            CaseResubmissionRequested: identity.on_case_resubmission_requested,
        },
    )
    service.subscribe(
        "notification--results",
        {
            ResultReleased: results.on_result_released,
            CertificateIssued: results.on_certificate_issued,
        },
    )
    sender = Sender(
        database,
        directory,
        MailBuilder(settings.mail_from, settings.public_url),
        SmtpClient(MailServer.parse(settings.smtp_url)),
        clock=service.clock,
        policy=settings.sending_policy(),
        metrics=service.telemetry.metrics,
    )
    worker = SendingWorker(service.listener, sender, grace=settings.drain_grace)
    service.worker("mails", timedelta(0), worker.run)
    service.on_close(worker.close)
    service.worker("alarms", timedelta(seconds=1), Alarms(database, directory).run)
    backlog = Backlog(database, sender.destinations.slow)
    service.worker("backlog", timedelta(seconds=15), backlog.run)
    service.telemetry.metrics.observe(STATE_METRIC, STATE_DESCRIPTION, backlog.by_state)
    service.telemetry.metrics.observe(REASON_METRIC, REASON_DESCRIPTION, backlog.by_reason)


if __name__ == "__main__":
    main("proctorium_notification", Settings, build, commands=[PREVIEW])
