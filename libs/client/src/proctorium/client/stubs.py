"""The generated stubs of all services."""

from __future__ import annotations

import grpc

from proctorium.assessment.v1.assessments_pb2_grpc import AssessmentServiceStub
from proctorium.assessment.v1.attempts_pb2_grpc import AttemptServiceStub
from proctorium.assessment.v1.grading_pb2_grpc import GradingServiceStub
from proctorium.assessment.v1.results_pb2_grpc import (
    CertificateServiceStub,
    ResultServiceStub,
    TranscriptServiceStub,
)
from proctorium.enrollment.v1.accommodations_pb2_grpc import AccommodationServiceStub
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
from proctorium.session.v1.reports_pb2_grpc import ReportServiceStub
from proctorium.session.v1.sessions_pb2_grpc import SessionServiceStub
from proctorium.session.v1.supervision_pb2_grpc import RecordServiceStub, SupervisionServiceStub


class Stubs:
    """A stub for each service. The comments of the protos describe the methods and their errors."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.accommodations = AccommodationServiceStub(channel)
        self.accounts = AccountServiceStub(channel)
        self.assessments = AssessmentServiceStub(channel)
        self.attempts = AttemptServiceStub(channel)
        self.breaks = BreakServiceStub(channel)
        self.certificates = CertificateServiceStub(channel)
        self.codes = CodeServiceStub(channel)
        self.courses = CourseServiceStub(channel)
        self.deliveries = DeliveryServiceStub(channel)
        self.grading = GradingServiceStub(channel)
        self.hands = HandServiceStub(channel)
        self.identity = VerificationServiceStub(channel)
        self.inbox = InboxServiceStub(channel)
        self.incidents = IncidentServiceStub(channel)
        self.lobby = LobbyServiceStub(channel)
        self.messages = MessageServiceStub(channel)
        self.organisation = OrganisationServiceStub(channel)
        self.people = PersonServiceStub(channel)
        self.record = RecordServiceStub(channel)
        self.registrations = RegistrationServiceStub(channel)
        self.reports = ReportServiceStub(channel)
        self.results = ResultServiceStub(channel)
        self.sessions = SessionServiceStub(channel)
        self.supervision = SupervisionServiceStub(channel)
        self.transcripts = TranscriptServiceStub(channel)
