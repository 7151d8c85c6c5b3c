"""Enrollment as a process: what it is made of."""

from __future__ import annotations

import sys
from datetime import timedelta

from proctorium.assessment.events.v1.events_pb2 import ResultReleased
from proctorium.enrollment.v1.accounts_pb2_grpc import add_AccountServiceServicer_to_server
from proctorium.enrollment.v1.codes_pb2_grpc import add_CodeServiceServicer_to_server
from proctorium.enrollment.v1.courses_pb2_grpc import (
    add_CourseServiceServicer_to_server,
    add_RegistrationServiceServicer_to_server,
)
from proctorium.enrollment.v1.organisation_pb2_grpc import add_OrganisationServiceServicer_to_server
from proctorium.enrollment.v1.people_pb2_grpc import add_PersonServiceServicer_to_server
from proctorium.session.events.v1.events_pb2 import (
    ParticipantJoined,
    ParticipantRemoved,
    SessionCancelled,
    SessionEnded,
    SessionScheduled,
    SessionStarted,
)
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_enrollment import commands
from proctorium_enrollment.api.accounts import AccountApi
from proctorium_enrollment.api.codes import CodeApi
from proctorium_enrollment.api.cookies import Cookies
from proctorium_enrollment.api.courses import CourseApi
from proctorium_enrollment.api.organisation import OrganisationApi
from proctorium_enrollment.api.people import PersonApi
from proctorium_enrollment.api.registrations import RegistrationApi
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.redemption import Redemption
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.subscribers import results
from proctorium_enrollment.subscribers.sessions import SessionEvents
from proctorium_enrollment.workers.forgetting import Forgetting


def build(service: Service[Settings], hashes: PasswordHashes | None = None) -> None:
    """Adds what enrollment does to the service; tests give `hashes` that are made in no time."""
    settings, database = service.settings, service.database
    seals = settings.seals()
    signing = Signing(seals.signing_keys)
    service.keys_from(lambda: signing.trusted(database))
    hashes = hashes or PasswordHashes()
    service.on_close(hashes.close)
    accounts = Accounts(database, hashes, seals.attempts, signing)
    codes = Codes(seals.codes)
    service.rpc(
        add_AccountServiceServicer_to_server,
        AccountApi(database, accounts, signing, Cookies(secure=settings.secure_cookies)),
    )
    service.rpc(add_PersonServiceServicer_to_server, PersonApi(database, hashes))
    service.rpc(add_CourseServiceServicer_to_server, CourseApi(database))
    service.rpc(add_RegistrationServiceServicer_to_server, RegistrationApi(database))
    redemption = Redemption(seals.codes, seals.attempts)
    service.rpc(add_CodeServiceServicer_to_server, CodeApi(database, codes, redemption))
    service.rpc(add_OrganisationServiceServicer_to_server, OrganisationApi(database))
    sessions = SessionEvents(codes)
    service.subscribe(
        "enrollment--sessions",
        {
            SessionScheduled: sessions.on_scheduled,
            SessionCancelled: sessions.on_cancelled,
            SessionStarted: sessions.on_started,
            SessionEnded: sessions.on_ended,
            ParticipantJoined: sessions.on_joined,
            ParticipantRemoved: sessions.on_removed,
        },
    )
    service.subscribe("enrollment--results", {ResultReleased: results.on_released})
    service.worker("forgetting", timedelta(hours=1), Forgetting(database).turn)


if __name__ == "__main__":
    if commands.is_one(sys.argv[1:]):
        sys.exit(commands.run(sys.argv[1:]))
    main("proctorium_enrollment", Settings, build)
