"""PersonService over gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from proctorium.enrollment.v1 import people_pb2 as pb
from proctorium.enrollment.v1 import people_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.rpc.caller import current_call
from proctorium_common.rpc.validation import time_of
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.api.messages import ROLE_OF, change_message, me, person_message, stamp
from proctorium_enrollment.domain import passwords
from proctorium_enrollment.domain.people import NewPerson, Role, no_such_person, normalised_email
from proctorium_enrollment.operations import people, rights
from proctorium_enrollment.storage.password_hashes import PasswordHashes

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class PersonApi(people_pb2_grpc.PersonServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    hashes: PasswordHashes

    async def CreatePerson(
        self, request: pb.CreatePersonRequest, context: Context
    ) -> pb.CreatePersonResponse:
        new = _new_person(request)
        password_hash = None
        if request.password:
            passwords.check(request.password, normalised_email(request.email))
            async with self.hashes.permit(current_call().caller.name):
                password_hash = await self.hashes.make(passwords.normalised(request.password))

        async def run(tx: Transaction) -> pb.CreatePersonResponse:
            return pb.CreatePersonResponse(
                person=person_message(await people.create(tx, new, password_hash))
            )

        # The idempotency key keeps a fast hash of the request: a password must not be in it.
        keyed = pb.CreatePersonRequest()
        keyed.CopyFrom(request)
        keyed.ClearField("password")
        return await self.database.once(keyed, run, pb.CreatePersonResponse)

    async def GetPerson(
        self, request: pb.GetPersonRequest, context: Context
    ) -> pb.GetPersonResponse:
        person_id = parse_id(request.person_id, "person_id")
        async with self.database.transaction() as tx:
            person = await people.get(tx, current_call().caller, person_id)
        return pb.GetPersonResponse(person=person_message(person))

    async def ListPeople(
        self, request: pb.ListPeopleRequest, context: Context
    ) -> pb.ListPeopleResponse:
        async with self.database.transaction() as tx:
            found, token = await people.list_all(tx, request.page_size, request.page_token)
        return pb.ListPeopleResponse(
            people=[person_message(person) for person in found], next_page_token=token
        )

    async def BatchGetNames(
        self, request: pb.BatchGetNamesRequest, context: Context
    ) -> pb.BatchGetNamesResponse:
        caller = current_call().caller
        async with self.database.transaction() as tx:
            found = await people.visible(tx, caller, _ids(request.person_ids))
        legal = not caller.roles.isdisjoint({Role.PROCTOR.value, Role.ADMINISTRATOR.value})
        return pb.BatchGetNamesResponse(
            names=[
                pb.PersonName(
                    person_id=str(person.person_id),
                    preferred_name=person.called,
                    legal_name=person.legal_name if legal else "",
                )
                for person in found
            ]
        )

    async def GrantRole(
        self, request: pb.GrantRoleRequest, context: Context
    ) -> pb.GrantRoleResponse:
        person_id = parse_id(request.person_id, "person_id")

        async def run(tx: Transaction) -> pb.GrantRoleResponse:
            person = await rights.grant_role(tx, me(), person_id, ROLE_OF[request.role])
            return pb.GrantRoleResponse(person=person_message(person))

        return await self.database.once(request, run, pb.GrantRoleResponse)

    async def RevokeRole(
        self, request: pb.RevokeRoleRequest, context: Context
    ) -> pb.RevokeRoleResponse:
        person_id, role = parse_id(request.person_id, "person_id"), ROLE_OF[request.role]

        async def run(tx: Transaction) -> pb.RevokeRoleResponse:
            person = await rights.revoke_role(tx, me(), person_id, role, request.reason)
            return pb.RevokeRoleResponse(person=person_message(person))

        return await self.database.once(request, run, pb.RevokeRoleResponse)

    async def ListPersonHistory(
        self, request: pb.ListPersonHistoryRequest, context: Context
    ) -> pb.ListPersonHistoryResponse:
        person_id = parse_id(request.person_id, "person_id")
        async with self.database.transaction() as tx:
            changes, token = await rights.list_history(
                tx, person_id, request.page_size, request.page_token
            )
        return pb.ListPersonHistoryResponse(
            changes=[change_message(change) for change in changes], next_page_token=token
        )

    async def CertifyProctor(
        self, request: pb.CertifyProctorRequest, context: Context
    ) -> pb.CertifyProctorResponse:
        person_id = parse_id(request.person_id, "person_id")
        until = time_of(request.certified_until_time, "certified_until_time")

        async def run(tx: Transaction) -> pb.CertifyProctorResponse:
            person = await rights.certify(tx, me(), person_id, until)
            return pb.CertifyProctorResponse(person=person_message(person))

        return await self.database.once(request, run, pb.CertifyProctorResponse)

    async def BatchGetCertifications(
        self, request: pb.BatchGetCertificationsRequest, context: Context
    ) -> pb.BatchGetCertificationsResponse:
        async with self.database.transaction() as tx:
            found = await people.known(tx, _ids(request.person_ids))
        return pb.BatchGetCertificationsResponse(
            certifications=[
                pb.Certification(
                    person_id=str(person.person_id),
                    certified_until_time=stamp(person.certified_until),
                )
                for person in found
                if person.certified_until is not None and not person.is_disabled
            ]
        )

    async def CheckPeople(
        self, request: pb.CheckPeopleRequest, context: Context
    ) -> pb.CheckPeopleResponse:
        async with self.database.transaction() as tx:
            unknown = await people.unknown(tx, _ids(request.person_ids))
        return pb.CheckPeopleResponse(missing_person_ids=[str(each) for each in unknown])

    async def GetRegistrationInformation(
        self, request: pb.GetRegistrationInformationRequest, context: Context
    ) -> pb.GetRegistrationInformationResponse:
        person_id = parse_id(request.person_id, "person_id")
        async with self.database.transaction() as tx:
            found = await people.known(tx, [person_id])
        if not found:
            raise no_such_person()
        born = found[0].date_of_birth
        return pb.GetRegistrationInformationResponse(
            legal_name=found[0].legal_name, date_of_birth="" if born is None else born.isoformat()
        )

    async def BatchGetContacts(
        self, request: pb.BatchGetContactsRequest, context: Context
    ) -> pb.BatchGetContactsResponse:
        async with self.database.transaction() as tx:
            found = await people.known(tx, _ids(request.person_ids))
        return pb.BatchGetContactsResponse(
            contacts=[
                pb.Contact(
                    person_id=str(person.person_id),
                    email=person.email,
                    preferred_name=person.called,
                    locale=person.locale,
                    time_zone=person.time_zone,
                )
                for person in found
            ]
        )


def _new_person(request: pb.CreatePersonRequest) -> NewPerson:
    return NewPerson(
        legal_name=request.legal_name,
        email=request.email,
        roles=frozenset(ROLE_OF[role] for role in request.roles),
        preferred_name=request.preferred_name,
        date_of_birth=request.date_of_birth,
        locale=request.locale,
        time_zone=request.time_zone,
    )


def _ids(texts: Iterable[str]) -> list[UUID]:
    return [parse_id(text, "person_ids") for text in texts]
