"""Clients of the edge. A client is signed in as one person and has stubs for all services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proctorium.assessment.v1.assessments_pb2_grpc import AssessmentServiceStub
from proctorium.assessment.v1.attempts_pb2_grpc import AttemptServiceStub
from proctorium.assessment.v1.results_pb2_grpc import (
    CertificateServiceStub,
    ResultServiceStub,
    TranscriptServiceStub,
)
from proctorium.enrollment.v1.accommodations_pb2_grpc import AccommodationServiceStub
from proctorium.enrollment.v1.accounts_pb2 import RefreshTokenRequest, SignInRequest
from proctorium.enrollment.v1.accounts_pb2_grpc import AccountServiceStub
from proctorium.enrollment.v1.codes_pb2_grpc import CodeServiceStub
from proctorium.enrollment.v1.courses_pb2_grpc import CourseServiceStub, RegistrationServiceStub
from proctorium.enrollment.v1.organisation_pb2_grpc import OrganisationServiceStub
from proctorium.enrollment.v1.people_pb2_grpc import PersonServiceStub
from proctorium.identity.v1.verification_pb2_grpc import VerificationServiceStub
from proctorium.notification.v1.notifications_pb2_grpc import DeliveryServiceStub, InboxServiceStub
from proctorium.session.v1.breaks_pb2_grpc import BreakServiceStub
from proctorium.session.v1.hands_pb2_grpc import HandServiceStub
from proctorium.session.v1.incidents_pb2_grpc import IncidentServiceStub
from proctorium.session.v1.lobby_pb2_grpc import LobbyServiceStub
from proctorium.session.v1.messages_pb2_grpc import MessageServiceStub
from proctorium.session.v1.sessions_pb2_grpc import SessionServiceStub
from proctorium.session.v1.supervision_pb2_grpc import RecordServiceStub, SupervisionServiceStub
from proctorium_devstack.demo.edge import Channel, EdgeChannel, stub_on


@dataclass(frozen=True)
class SignIn:
    """A person's role, name and credentials."""

    role: str
    name: str
    email: str
    password: str


class Person:
    """A client of the edge that is signed in as one person, with a stub for each gRPC service."""

    def __init__(
        self,
        channel: Channel,
        token: str | None,
        *,
        person_id: str = "",
        name: str = "",
        email: str = "",
        password: str = "",
        refresh_token: str = "",
    ) -> None:
        self.channel = channel
        self.person_id = person_id
        self.name = name
        self.email = email
        self.password = password
        self.token = token
        self._refresh_token = refresh_token
        stub = stub_on(channel)
        self.accommodations = AccommodationServiceStub(stub)
        self.accounts = AccountServiceStub(stub)
        self.people = PersonServiceStub(stub)
        self.courses = CourseServiceStub(stub)
        self.registrations = RegistrationServiceStub(stub)
        self.codes = CodeServiceStub(stub)
        self.organisation = OrganisationServiceStub(stub)
        self.sessions = SessionServiceStub(stub)
        self.incidents = IncidentServiceStub(stub)
        self.hands = HandServiceStub(stub)
        self.breaks = BreakServiceStub(stub)
        self.messages = MessageServiceStub(stub)
        self.lobby = LobbyServiceStub(stub)
        self.supervision = SupervisionServiceStub(stub)
        self.record = RecordServiceStub(stub)
        self.assessments = AssessmentServiceStub(stub)
        self.attempts = AttemptServiceStub(stub)
        self.results = ResultServiceStub(stub)
        self.certificates = CertificateServiceStub(stub)
        self.transcripts = TranscriptServiceStub(stub)
        self.identity = VerificationServiceStub(stub)
        self.inbox = InboxServiceStub(stub)
        self.deliveries = DeliveryServiceStub(stub)

    async def refresh_tokens(self) -> None:
        """Exchange the refresh token for new tokens. Clients do this when the access token has expired."""
        request = RefreshTokenRequest(refresh_token=self._refresh_token)
        tokens = (await self.accounts.RefreshToken(request)).tokens
        self._refresh_token = tokens.refresh_token
        self.token = self.channel.token = tokens.access_token

    async def close(self) -> None:
        """Close the connections."""
        await self.channel.close()


def anonymous(edge: str) -> Person:
    """Return a client that is not signed in."""
    return Person(EdgeChannel(edge), None, name="anonymous")


async def sign_in(
    edge: str,
    email: str,
    password: str,
    channel: Callable[[str, str | None], Channel] = EdgeChannel,
) -> Person:
    """Sign in at `edge` (`host:port`) and return the client.

    `channel` is called with the address and the token, and returns the channel of the client.
    """
    visitor = Person(channel(edge, None), None)
    try:
        response = await visitor.accounts.SignIn(SignInRequest(email=email, password=password))
    finally:
        await visitor.close()
    token = response.tokens.access_token
    person = response.person
    return Person(
        channel(edge, token),
        token,
        person_id=person.person_id,
        name=person.legal_name,
        email=person.email,
        password=password,
        refresh_token=response.tokens.refresh_token,
    )
