"""What enrollment knows and we do not keep: addresses, languages, code texts. Asked when a message is sent (`N2`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

import grpc

from proctorium.enrollment.v1 import codes_pb2, organisation_pb2, people_pb2
from proctorium.enrollment.v1.codes_pb2_grpc import CodeServiceStub
from proctorium.enrollment.v1.organisation_pb2_grpc import OrganisationServiceStub
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium_common.errors import ServiceError, unavailable
from proctorium_notification.messages.contents import Help, Reader

_CONTACTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Contact:
    """Where and how to write to a person. Held while a message is sent, never stored, never logged."""

    email: str = field(repr=False)
    reader: Reader


class Directory:
    """Asks enrollment. Every method raises DEPENDENCY_UNAVAILABLE when it does not answer."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._people = PersonServiceStub(channel)
        self._codes = CodeServiceStub(channel)
        self._organisation = OrganisationServiceStub(channel)

    async def contacts(self, person_ids: Iterable[UUID]) -> Mapping[UUID, Contact]:
        """The contacts of those who are known."""
        found: dict[UUID, Contact] = {}
        waiting = iter(sorted(set(person_ids)))
        while some := [str(person_id) for person_id in islice(waiting, _CONTACTS_AT_ONCE)]:
            request = people_pb2.BatchGetContactsRequest(person_ids=some)
            try:
                answer = await self._people.BatchGetContacts(request)
            except grpc.RpcError as failure:
                raise _unavailable() from failure
            for contact in answer.contacts:
                reader = Reader(contact.preferred_name, contact.locale, contact.time_zone)
                found[UUID(contact.person_id)] = Contact(contact.email, reader)
        return found

    async def codes(self, session_ids: Iterable[UUID]) -> Mapping[UUID, str]:
        """The texts of the codes of these sessions that can be used now or later, by their ids."""
        found: dict[UUID, str] = {}
        for session_id in sorted(set(session_ids)):
            found |= {
                UUID(code.code_id): code.text
                for code in await self._codes_of(session_id)
                if code.state == codes_pb2.CODE_STATE_ACTIVE
            }
        return found

    async def _codes_of(self, session_id: UUID) -> list[codes_pb2.Code]:
        request = codes_pb2.ListCodesRequest(session_id=str(session_id), page_size=200)
        found: list[codes_pb2.Code] = []
        while True:
            try:
                response = await self._codes.ListCodes(request)
            except grpc.RpcError as failure:
                raise _unavailable() from failure
            found += response.codes
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token

    async def help(self) -> Help:
        """Whom readers can ask."""
        try:
            answer = await self._organisation.GetOrganisation(
                organisation_pb2.GetOrganisationRequest()
            )
        except grpc.RpcError as failure:
            raise _unavailable() from failure
        organisation = answer.organisation
        return Help(
            organisation.name, organisation.administrator_contact, organisation.support_phone
        )


def _unavailable() -> ServiceError:
    return unavailable(
        "DEPENDENCY_UNAVAILABLE", "Enrollment does not answer now. Please try again."
    )
