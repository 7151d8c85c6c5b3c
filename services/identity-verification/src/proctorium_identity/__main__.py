"""The entry point of identity verification."""

from __future__ import annotations

from datetime import timedelta

from proctorium.enrollment.events.v1.events_pb2 import (
    PersonAccommodationsChanged,
    PersonCertified,
    PersonDisabled,
    PersonRoleRevoked,
    PersonSignedOut,
)
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium.identity.v1.verification_pb2_grpc import add_VerificationServiceServicer_to_server
from proctorium.session.events.v1.events_pb2 import (
    ParticipantIdentityCheckRequested,
    ParticipantJoined,
    SessionCancelled,
    SessionEnded,
    SessionHandedOver,
    SessionReopened,
    SessionScheduled,
    SessionTaken,
)
from proctorium_access import certifications, revocations
from proctorium_access.signing_keys import signing_keys
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_identity.api.verification import VerificationApi
from proctorium_identity.images.process import ImageReader
from proctorium_identity.images.reader import ResourceLimits
from proctorium_identity.operations.evidence import EvidenceSubmission
from proctorium_identity.operations.evidence_access import EvidenceViewing
from proctorium_identity.settings import Settings
from proctorium_identity.storage.objects import EvidenceStore
from proctorium_identity.subscribers import accommodations
from proctorium_identity.subscribers.sessions import SessionEvents
from proctorium_identity.workers.queue import QueueMetrics


def build(service: Service[Settings]) -> None:
    """Register the service's RPCs and event handlers."""
    service.keys_from(signing_keys(service.channel("enrollment")))
    settings = service.settings
    case_keys = settings.case_keys()
    reader = ImageReader(
        resource_limits=ResourceLimits(settings.image_memory, settings.image_cpu_seconds),
        wall_time=settings.image_wall_time,
        at_once=settings.images_at_once,
    )
    service.on_close(reader.close)
    database, store = service.database, EvidenceStore(settings.evidence_url)
    service.rpc(
        add_VerificationServiceServicer_to_server,
        VerificationApi(
            database,
            service.listener,
            EvidenceSubmission(database, case_keys, store, reader),
            EvidenceViewing(
                database,
                case_keys,
                store,
                PersonServiceStub(service.channel("enrollment")),
                access_period=settings.evidence_access_period,
            ),
            watch_heartbeat=settings.watch_heartbeat,
        ),
    )
    queue = QueueMetrics(database)
    queue.observe(service.telemetry.metrics)
    service.worker("queue", timedelta(seconds=15), queue.run)
    service.subscribe(
        "identity--revocations",
        {
            PersonRoleRevoked: revocations.on_role_revoked,
            PersonDisabled: revocations.on_disabled,
            PersonSignedOut: revocations.on_signed_out,
        },
    )
    service.subscribe(
        "identity--certifications",
        {
            PersonCertified: certifications.on_certified,
            PersonRoleRevoked: certifications.on_role_revoked,
        },
    )
    service.subscribe(
        "identity--accommodations",
        {PersonAccommodationsChanged: accommodations.on_person_accommodations_changed},
    )
    events = SessionEvents(case_keys)
    service.subscribe(
        "identity--sessions",
        {
            SessionScheduled: events.on_proctors_changed,
            SessionTaken: events.on_proctors_changed,
            SessionHandedOver: events.on_proctors_changed,
            ParticipantJoined: events.on_participant_joined,
            ParticipantIdentityCheckRequested: events.on_participant_identity_check_requested,
            SessionCancelled: events.on_session_cancelled,
            SessionEnded: events.on_session_ended,
            SessionReopened: events.on_session_reopened,
        },
    )


if __name__ == "__main__":
    main("proctorium_identity", Settings, build)
