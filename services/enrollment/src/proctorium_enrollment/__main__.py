"""Assembly of the enrollment service from its parts."""

from __future__ import annotations

from datetime import timedelta

from proctorium.assessment.events.v1.events_pb2 import ResultReleased
from proctorium.enrollment.v1.accommodations_pb2_grpc import (
    add_AccommodationServiceServicer_to_server,
)
from proctorium.enrollment.v1.accounts_pb2_grpc import add_AccountServiceServicer_to_server
from proctorium.enrollment.v1.codes_pb2_grpc import add_CodeServiceServicer_to_server
from proctorium.enrollment.v1.courses_pb2_grpc import (
    add_CourseServiceServicer_to_server,
    add_RegistrationServiceServicer_to_server,
)
from proctorium.enrollment.v1.organisation_pb2_grpc import add_OrganisationServiceServicer_to_server
from proctorium.enrollment.v1.people_pb2_grpc import add_PersonServiceServicer_to_server
from proctorium.session.events.v1.events_pb2 import (
    ParticipantAdmitted,
    ParticipantEnded,
    ParticipantEndUndone,
    ParticipantJoined,
    ParticipantReadmitted,
    ParticipantRemoved,
    SessionCancelled,
    SessionEnded,
    SessionHandedOver,
    SessionReopened,
    SessionScheduled,
    SessionStarted,
    SessionTaken,
)
from proctorium_common.events.handling import Batched
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_enrollment.api.accommodations import AccommodationApi
from proctorium_enrollment.api.accounts import AccountApi
from proctorium_enrollment.api.codes import CodeApi
from proctorium_enrollment.api.cookies import Cookies
from proctorium_enrollment.api.courses import CourseApi, RegistrationApi
from proctorium_enrollment.api.organisation import OrganisationApi
from proctorium_enrollment.api.people import PersonApi
from proctorium_enrollment.commands import COMMANDS
from proctorium_enrollment.operations import retention
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.operations.code_resolution import CodeResolution
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.subscribers import results
from proctorium_enrollment.subscribers.sessions import SessionEvents


def build(service: Service[Settings], hashes: PasswordHashes | None = None) -> None:
    """Register the APIs, subscribers and workers of the service.

    Integration tests pass `hashes` that are fast to compute.
    """
    settings, database = service.settings, service.database
    keys = settings.encryption_keys()
    hashes = hashes or settings.password_hashes()
    service.on_close(hashes.close)
    signing = Signing(keys.signing_keys)
    codes = Codes(database, keys.codes)
    resolution = CodeResolution(database, keys.codes, keys.throttling)
    service.keys_from(lambda: signing.public_keys(database), stored=False)
    service.check("master key", lambda: signing.check_master_key(database))
    accounts = Accounts(
        database,
        hashes,
        keys,
        signing,
        service.clock,
        refresh_grace_period=settings.refresh_grace,
        idle_limit=settings.sign_in_idle_limit,
    )
    cookies = Cookies(secure=settings.secure_cookies)
    service.rpc(
        add_AccountServiceServicer_to_server, AccountApi(database, accounts, signing, cookies)
    )
    service.rpc(add_PersonServiceServicer_to_server, PersonApi(database, hashes))
    service.rpc(add_AccommodationServiceServicer_to_server, AccommodationApi(database))
    service.rpc(
        add_CourseServiceServicer_to_server,
        CourseApi(database, Assessments(service.channel("assessment"))),
    )
    service.rpc(add_RegistrationServiceServicer_to_server, RegistrationApi(database, codes))
    service.rpc(add_CodeServiceServicer_to_server, CodeApi(codes, resolution))
    service.rpc(add_OrganisationServiceServicer_to_server, OrganisationApi(database))
    events = SessionEvents(codes, resolution)
    service.subscribe(
        "enrollment--sessions",
        {
            SessionScheduled: events.on_session_scheduled,
            SessionTaken: events.on_proctors_changed,
            SessionHandedOver: events.on_proctors_changed,
            SessionCancelled: events.on_session_cancelled,
            SessionStarted: events.on_session_started,
            SessionEnded: events.on_session_ended,
            SessionReopened: events.on_session_reopened,
            ParticipantAdmitted: events.on_participant_admitted,
            ParticipantJoined: Batched(events.on_participants_joined),
            ParticipantRemoved: events.on_participant_excluded,
            ParticipantEnded: events.on_participant_excluded,
            ParticipantEndUndone: events.on_participant_end_undone,
            ParticipantReadmitted: events.on_participant_readmitted,
        },
    )
    service.subscribe("enrollment--results", {ResultReleased: results.on_result_released})
    service.worker("purge", timedelta(hours=1), lambda: retention.purge(database))


if __name__ == "__main__":
    main("proctorium_enrollment", Settings, build, commands=COMMANDS)
