"""Notification as a process: what it is made of."""

from __future__ import annotations

import sys
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
    ParticipantRemoved,
    SessionCancelled,
    SessionEnded,
    SessionScheduled,
)
from proctorium_access import revocations
from proctorium_access.signing_keys import signing_keys
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_notification.api.deliveries import DeliveryApi
from proctorium_notification.api.inbox import InboxApi
from proctorium_notification.messages.commands import preview
from proctorium_notification.messages.mail import MailMaker
from proctorium_notification.messages.render import Renderer
from proctorium_notification.operations.directory import Directory
from proctorium_notification.operations.inbox import Inbox
from proctorium_notification.operations.sending import Sender
from proctorium_notification.settings import Settings
from proctorium_notification.subscribers import accounts, codes, identity, results, sessions
from proctorium_notification.transport.smtp import MailServer, Postbox
from proctorium_notification.workers.backlog import (
    DESCRIPTION,
    METRIC,
    WAITING_DESCRIPTION,
    WAITING_METRIC,
    Backlog,
)
from proctorium_notification.workers.sending import SendingWorker


def build(service: Service[Settings]) -> None:
    """Wire the service."""
    settings, database = service.settings, service.database
    service.keys_from(signing_keys(service.channel("enrollment")))
    directory = Directory(service.channel("enrollment"))
    inbox = Inbox(database, directory, Renderer(settings.public_url))
    service.rpc(add_InboxServiceServicer_to_server, InboxApi(database, inbox))
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
            PersonRoleRevoked: accounts.on_role_revoked,
            PersonDisabled: accounts.on_disabled,
            PersonEnabled: accounts.on_enabled,
        },
    )
    service.subscribe("notification--codes", {CodeIssued: codes.on_issued})
    service.subscribe(
        "notification--sessions",
        {
            SessionScheduled: sessions.on_scheduled,
            SessionCancelled: sessions.on_cancelled,
            SessionEnded: sessions.on_ended,
            ParticipantRemoved: sessions.on_removed,
        },
    )
    service.subscribe(
        "notification--identity",
        {
            CaseVerified: identity.on_verified,
            CaseRejected: identity.on_rejected,
            CaseResubmissionRequested: identity.on_resubmission_requested,
        },
    )
    service.subscribe(
        "notification--results",
        {ResultReleased: results.on_released, CertificateIssued: results.on_certificate_issued},
    )
    sender = Sender(
        database,
        directory,
        MailMaker(settings.mail_from, settings.public_url),
        Postbox(MailServer.parse(settings.smtp_url)),
        clock=service.clock,
        rules=settings.rules(),
    )
    worker = SendingWorker(service.listener, sender, grace=settings.drain_grace)
    service.worker("mails", timedelta(0), worker.turn)
    service.on_close(worker.close)
    backlog = Backlog(database, sender.destinations.slow)
    service.worker("backlog", timedelta(seconds=15), backlog.turn)
    service.telemetry.metrics.observe(METRIC, DESCRIPTION, backlog.observations)
    service.telemetry.metrics.observe(WAITING_METRIC, WAITING_DESCRIPTION, backlog.waiting)


if __name__ == "__main__":
    if sys.argv[1:2] == ["preview"]:
        sys.exit(preview(sys.argv[2:]))
    main("proctorium_notification", Settings, build)
