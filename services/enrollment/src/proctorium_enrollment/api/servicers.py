"""All servicers of enrollment, made of what they need."""

from __future__ import annotations

from proctorium.enrollment.v1.accounts_pb2_grpc import add_AccountServiceServicer_to_server
from proctorium.enrollment.v1.codes_pb2_grpc import add_CodeServiceServicer_to_server
from proctorium.enrollment.v1.courses_pb2_grpc import (
    add_CourseServiceServicer_to_server,
    add_RegistrationServiceServicer_to_server,
)
from proctorium.enrollment.v1.organisation_pb2_grpc import add_OrganisationServiceServicer_to_server
from proctorium.enrollment.v1.people_pb2_grpc import add_PersonServiceServicer_to_server
from proctorium_common.process.service import Service
from proctorium_enrollment.api.accounts import AccountApi
from proctorium_enrollment.api.codes import CodeApi
from proctorium_enrollment.api.cookies import Cookies
from proctorium_enrollment.api.courses import CourseApi
from proctorium_enrollment.api.organisation import OrganisationApi
from proctorium_enrollment.api.people import PersonApi
from proctorium_enrollment.api.registrations import RegistrationApi
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.operations.code_resolution import CodeResolution
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.encryption import EncryptionKeys
from proctorium_enrollment.storage.password_hashes import PasswordHashes


def add_servicers(
    service: Service[Settings],
    keys: EncryptionKeys,
    signing: Signing,
    hashes: PasswordHashes,
    codes: Codes,
    resolution: CodeResolution,
    *,
    assessments: Assessments,
) -> None:
    """Adds them to the service."""
    database = service.database
    accounts = Accounts(
        database,
        hashes,
        keys,
        signing,
        service.clock,
        refresh_grace=service.settings.refresh_grace,
        idle_limit=service.settings.sign_in_idle_limit,
    )
    cookies = Cookies(secure=service.settings.secure_cookies)
    service.rpc(
        add_AccountServiceServicer_to_server, AccountApi(database, accounts, signing, cookies)
    )
    service.rpc(add_PersonServiceServicer_to_server, PersonApi(database, hashes))
    service.rpc(
        add_CourseServiceServicer_to_server,
        CourseApi(database, assessments),
    )
    service.rpc(add_RegistrationServiceServicer_to_server, RegistrationApi(database, codes))
    service.rpc(add_CodeServiceServicer_to_server, CodeApi(database, codes, resolution))
    service.rpc(add_OrganisationServiceServicer_to_server, OrganisationApi(database))
