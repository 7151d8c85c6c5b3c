"""A client for the data of enrollment that notification does not store (`N2`).

The data are mail addresses, languages and the texts of codes.
"""

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
from proctorium_notification.rendering.content import Reader, Support

_CONTACTS_PER_REQUEST = 200
_CODES_PER_REQUEST = 200
_ADMINISTRATORS_PER_REQUEST = 200


@dataclass(frozen=True, slots=True)
class Contact:
    """The mail address, the name, the language and the time zone of a person. These data are never stored or logged."""

    email: str = field(repr=False)
    reader: Reader


class Directory:
    """A client of enrollment. Every method raises DEPENDENCY_UNAVAILABLE if enrollment does not respond."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._people = PersonServiceStub(channel)
        self._codes = CodeServiceStub(channel)
        self._organisation = OrganisationServiceStub(channel)

    async def contacts(self, person_ids: Iterable[UUID]) -> Mapping[UUID, Contact]:
        """Return the contacts of the people, keyed by person id. A person who does not exist is left out."""
        contacts: dict[UUID, Contact] = {}
        remaining = iter(sorted(set(person_ids)))
        while ids := [str(person_id) for person_id in islice(remaining, _CONTACTS_PER_REQUEST)]:
            request = people_pb2.BatchGetContactsRequest(person_ids=ids)
            try:
                response = await self._people.BatchGetContacts(request)
            except grpc.RpcError as error:
                raise _unavailable() from error
            for contact in response.contacts:
                reader = Reader(contact.preferred_name, contact.locale, contact.time_zone)
                contacts[UUID(contact.person_id)] = Contact(contact.email, reader)
        return contacts

    async def administrator_ids(self) -> list[UUID]:
        """Return the ids of the administrators whose accounts are enabled."""
        request = people_pb2.ListAdministratorsRequest(page_size=_ADMINISTRATORS_PER_REQUEST)
        ids: list[UUID] = []
        while True:
            try:
                response = await self._people.ListAdministrators(request)
            except grpc.RpcError as error:
                raise _unavailable() from error
            ids += map(UUID, response.person_ids)
            if not response.next_page_token:
                return ids
            request.page_token = response.next_page_token

    async def codes(self, session_ids: Iterable[UUID]) -> Mapping[UUID, str]:
        """Return the texts of the active codes of the sessions, keyed by code id."""
        return {
            UUID(code.code_id): code.text
            for session_id in sorted(set(session_ids))
            for code in await self._list_codes(session_id)
            if code.state == codes_pb2.CODE_STATE_ACTIVE
        }

    async def _list_codes(self, session_id: UUID) -> list[codes_pb2.Code]:
        request = codes_pb2.ListCodesRequest(
            session_id=str(session_id), page_size=_CODES_PER_REQUEST
        )
        codes: list[codes_pb2.Code] = []
        while True:
            try:
                response = await self._codes.ListCodes(request)
            except grpc.RpcError as error:
                raise _unavailable() from error
            codes += response.codes
            if not response.next_page_token:
                return codes
            request.page_token = response.next_page_token

    async def support(self) -> Support:
        """Return the name of the organisation and the contacts to which people send questions."""
        try:
            response = await self._organisation.GetOrganisation(
                organisation_pb2.GetOrganisationRequest()
            )
        except grpc.RpcError as error:
            raise _unavailable() from error
        organisation = response.organisation
        return Support(
            organisation.name, organisation.administrator_contact, organisation.support_phone
        )


def _unavailable() -> ServiceError:
    return unavailable(
        "DEPENDENCY_UNAVAILABLE", "Enrollment does not respond now. Please try again."
    )
