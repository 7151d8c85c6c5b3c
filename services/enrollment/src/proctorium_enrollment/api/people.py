"""The gRPC API of PersonService."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from proctorium.enrollment.v1 import people_pb2 as pb
from proctorium.enrollment.v1 import people_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import to_timestamp
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.validation import time_of
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment.api.messages import ROLES, change_message, person_message
from proctorium_enrollment.domain.people import NewPerson, Role, no_such_person
from proctorium_enrollment.operations import people, rights
from proctorium_enrollment.storage.password_hashes import PasswordHashes

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class PersonApi(people_pb2_grpc.PersonServiceServicer):
    """Implementation of PersonService in `people.proto`."""

    def __init__(self, database: Database, hashes: PasswordHashes) -> None:
        self._database = database
        self._hashes = hashes

    async def CreatePerson(
        self, request: pb.CreatePersonRequest, context: Context
    ) -> pb.CreatePersonResponse:
        new = NewPerson(
            legal_name=request.legal_name,
            email=request.email,
            roles=frozenset(ROLES[role] for role in request.roles),
            preferred_name=request.preferred_name,
            date_of_birth=request.date_of_birth,
            locale=request.locale,
            time_zone=request.time_zone,
        )
        # A fast hash of the request is stored with the idempotency key. A password could be guessed from a fast hash,
        # so the password is removed before the request is hashed.
        without_password = pb.CreatePersonRequest()
        without_password.CopyFrom(request)
        without_password.ClearField("password")
        return await people.create_person(
            self._database,
            self._hashes,
            current_call().caller,
            new,
            request.password,
            Responder(
                without_password,
                pb.CreatePersonResponse,
                lambda person: pb.CreatePersonResponse(person=person_message(person)),
            ),
        )

    async def GetPerson(
        self, request: pb.GetPersonRequest, context: Context
    ) -> pb.GetPersonResponse:
        person = await people.get_person(
            self._database, current_call().caller, parse_id(request.person_id, "person_id")
        )
        return pb.GetPersonResponse(person=person_message(person))

    async def ListPeople(
        self, request: pb.ListPeopleRequest, context: Context
    ) -> pb.ListPeopleResponse:
        found, token = await people.list_people(
            self._database, request.page_size, request.page_token
        )
        return pb.ListPeopleResponse(
            people=[person_message(person) for person in found], next_page_token=token
        )

    async def BatchGetNames(
        self, request: pb.BatchGetNamesRequest, context: Context
    ) -> pb.BatchGetNamesResponse:
        caller = current_call().caller
        found = await people.list_visible_people(self._database, caller, _ids(request.person_ids))
        is_staff = not caller.roles.isdisjoint({Role.PROCTOR, Role.ADMINISTRATOR})
        with_legal_name = is_staff or caller.person_id is None
        return pb.BatchGetNamesResponse(
            names=[
                pb.PersonName(
                    person_id=str(person.person_id),
                    preferred_name=person.display_name,
                    legal_name=person.legal_name if with_legal_name else "",
                )
                for person in found
            ]
        )

    async def GrantRole(
        self, request: pb.GrantRoleRequest, context: Context
    ) -> pb.GrantRoleResponse:
        return await rights.grant_role(
            self._database,
            current_call().caller,
            parse_id(request.person_id, "person_id"),
            ROLES[request.role],
            Responder(
                request,
                pb.GrantRoleResponse,
                lambda person: pb.GrantRoleResponse(person=person_message(person)),
            ),
        )

    async def RevokeRole(
        self, request: pb.RevokeRoleRequest, context: Context
    ) -> pb.RevokeRoleResponse:
        return await rights.revoke_role(
            self._database,
            current_call().caller,
            parse_id(request.person_id, "person_id"),
            ROLES[request.role],
            request.reason,
            Responder(
                request,
                pb.RevokeRoleResponse,
                lambda person: pb.RevokeRoleResponse(person=person_message(person)),
            ),
        )

    async def ListPersonHistory(
        self, request: pb.ListPersonHistoryRequest, context: Context
    ) -> pb.ListPersonHistoryResponse:
        changes, token = await rights.list_history(
            self._database,
            parse_id(request.person_id, "person_id"),
            request.page_size,
            request.page_token,
        )
        return pb.ListPersonHistoryResponse(
            changes=[change_message(change) for change in changes], next_page_token=token
        )

    async def CertifyProctor(
        self, request: pb.CertifyProctorRequest, context: Context
    ) -> pb.CertifyProctorResponse:
        return await rights.certify(
            self._database,
            current_call().caller,
            parse_id(request.person_id, "person_id"),
            time_of(request.certified_until_time, "certified_until_time"),
            Responder(
                request,
                pb.CertifyProctorResponse,
                lambda person: pb.CertifyProctorResponse(person=person_message(person)),
            ),
        )

    async def BatchGetCertifications(
        self, request: pb.BatchGetCertificationsRequest, context: Context
    ) -> pb.BatchGetCertificationsResponse:
        found = await people.list_people_by_ids(self._database, _ids(request.person_ids))
        return pb.BatchGetCertificationsResponse(
            certifications=[
                pb.Certification(
                    person_id=str(person.person_id),
                    certified_until_time=to_timestamp(person.certified_until),
                )
                for person in found
                if person.certified_until is not None and not person.is_disabled
            ]
        )

    async def CheckPeople(
        self, request: pb.CheckPeopleRequest, context: Context
    ) -> pb.CheckPeopleResponse:
        unknown = await people.list_unknown_ids(self._database, _ids(request.person_ids))
        return pb.CheckPeopleResponse(missing_person_ids=map(str, unknown))

    async def GetRegistrationInformation(
        self, request: pb.GetRegistrationInformationRequest, context: Context
    ) -> pb.GetRegistrationInformationResponse:
        person_id = parse_id(request.person_id, "person_id")
        found = await people.list_people_by_ids(self._database, [person_id])
        if not found:
            raise no_such_person()
        born = found[0].date_of_birth
        return pb.GetRegistrationInformationResponse(
            legal_name=found[0].legal_name, date_of_birth=born.isoformat() if born else ""
        )

    async def BatchGetContacts(
        self, request: pb.BatchGetContactsRequest, context: Context
    ) -> pb.BatchGetContactsResponse:
        found = await people.list_people_by_ids(self._database, _ids(request.person_ids))
        return pb.BatchGetContactsResponse(
            contacts=[
                pb.Contact(
                    person_id=str(person.person_id),
                    email=person.email,
                    preferred_name=person.display_name,
                    locale=person.locale,
                    time_zone=person.time_zone,
                )
                for person in found
            ]
        )

    async def ListAdministrators(
        self, request: pb.ListAdministratorsRequest, context: Context
    ) -> pb.ListAdministratorsResponse:
        person_ids, token = await people.list_administrator_ids(
            self._database, request.page_size, request.page_token
        )
        return pb.ListAdministratorsResponse(person_ids=map(str, person_ids), next_page_token=token)


def _ids(texts: Iterable[str]) -> list[UUID]:
    return [parse_id(text, "person_ids") for text in texts]
