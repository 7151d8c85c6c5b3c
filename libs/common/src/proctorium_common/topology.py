"""Who asks whom, and who listens to what: the one table.

Streams and durable consumers are declared from it, mutual TLS allow-lists and the README's picture are made from it, and
`make lint` holds it against the code. A subscription listens to one owner, because a JetStream consumer lives in one stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Subscription:
    """A durable consumer: `consumer` is `<service>--<purpose>`, `events` are `<aggregate>.<action>` of `owner`."""

    consumer: str
    owner: str
    events: tuple[str, ...]

    @property
    def stream(self) -> str:
        """The JetStream stream it lives in."""
        return stream_of(self.owner)

    @property
    def filter_subjects(self) -> tuple[str, ...]:
        """The subjects it receives, of every aggregate."""
        return tuple(f"evt.{self.owner}.{event}.v1.>" for event in self.events)


@dataclass(frozen=True)
class ServiceTopology:
    """One service's place among the others; the names are those of `docs/architecture/conventions.md`."""

    name: str
    folder: str
    package: str
    owns: str
    asks: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    subscriptions: tuple[Subscription, ...] = field(default=())


def _revocations(service: str) -> Subscription:
    """Return the subscription of a service that checks tokens, so that it refuses revoked ones."""
    return Subscription(
        f"{service}--revocations",
        "enrollment",
        ("person.role-revoked", "person.disabled", "person.signed-out"),
    )


def _certifications(service: str) -> Subscription:
    """Return the subscription of a service that refuses learners' data to proctors without a certification."""
    return Subscription(
        f"{service}--certifications", "enrollment", ("person.certified", "person.role-revoked")
    )


def stream_of(owner: str) -> str:
    """The name of the stream that holds the events of `owner`."""
    return owner.upper()


SERVICES: Mapping[str, ServiceTopology] = {
    service.name: service
    for service in (
        ServiceTopology(
            name="enrollment",
            folder="enrollment",
            package="proctorium_enrollment",
            owns="people, credentials, courses, outlines, registrations, progress, codes, organisation",
            asks=("assessment",),
            publishes=(
                "person.created",
                "person.certified",
                "person.role-revoked",
                "person.disabled",
                "person.enabled",
                "person.signed-out",
                "course.published",
                "registration.created",
                "registration.completed",
                "progress.recorded",
                "code.issued",
                "code.revoked",
            ),
            subscriptions=(
                Subscription(
                    "enrollment--sessions",
                    "session",
                    (
                        "session.scheduled",
                        "session.cancelled",
                        "session.started",
                        "session.ended",
                        "participant.joined",
                        "participant.removed",
                    ),
                ),
                Subscription("enrollment--results", "assessment", ("result.released",)),
            ),
        ),
        ServiceTopology(
            name="session",
            folder="session-orchestration",
            package="proctorium_session",
            owns="sessions, participants, lobby, supervision, session record",
            asks=("enrollment", "assessment"),
            publishes=(
                "session.scheduled",
                "session.cancelled",
                "session.lobby-opened",
                "session.started",
                "session.ended",
                "participant.joined",
                "participant.ready",
                "participant.assessment-authorized",
                "participant.removed",
                "participant.completed",
                "participant.left",
                "participant.missed",
                "participant.connected",
                "participant.disconnected",
            ),
            subscriptions=(
                _revocations("session"),
                _certifications("session"),
                Subscription("session--codes", "enrollment", ("code.issued",)),
                Subscription(
                    "session--identity",
                    "identity",
                    (
                        "case.opened",
                        "case.submitted",
                        "case.verified",
                        "case.rejected",
                        "case.resubmission-requested",
                    ),
                ),
                Subscription(
                    "session--attempts",
                    "assessment",
                    (
                        "attempt.created",
                        "attempt.authorized",
                        "attempt.started",
                        "attempt.progressed",
                        "attempt.submitted",
                        "attempt.voided",
                        "result.released",
                    ),
                ),
            ),
        ),
        ServiceTopology(
            name="assessment",
            folder="assessment",
            package="proctorium_assessment",
            owns="items, assessments, attempts, time ledgers, answers, results, certificates, transcripts",
            asks=("enrollment",),
            publishes=(
                "attempt.created",
                "attempt.authorized",
                "attempt.started",
                "attempt.progressed",
                "attempt.submitted",
                "attempt.voided",
                "result.released",
                "certificate.issued",
            ),
            subscriptions=(
                _revocations("assessment"),
                _certifications("assessment"),
                Subscription(
                    "assessment--sessions",
                    "session",
                    (
                        "session.scheduled",
                        "session.ended",
                        "participant.joined",
                        "participant.ready",
                        "participant.assessment-authorized",
                        "participant.removed",
                    ),
                ),
                Subscription(
                    "assessment--courses",
                    "enrollment",
                    ("course.published", "registration.created", "registration.completed"),
                ),
            ),
        ),
        ServiceTopology(
            name="identity",
            folder="identity-verification",
            package="proctorium_identity",
            owns="cases, evidence, findings, decisions, look log",
            asks=("enrollment",),
            publishes=(
                "case.opened",
                "case.submitted",
                "case.verified",
                "case.rejected",
                "case.resubmission-requested",
                "case.expired",
            ),
            subscriptions=(
                _revocations("identity"),
                _certifications("identity"),
                Subscription(
                    "identity--sessions",
                    "session",
                    (
                        "session.scheduled",
                        "session.cancelled",
                        "session.ended",
                        "participant.joined",
                        "participant.removed",
                    ),
                ),
            ),
        ),
        ServiceTopology(
            name="notification",
            folder="notification",
            package="proctorium_notification",
            owns="templates, deliveries, in-app inbox",
            asks=("enrollment",),
            publishes=("delivery.sent", "delivery.failed"),
            subscriptions=(
                _revocations("notification"),
                Subscription("notification--codes", "enrollment", ("code.issued",)),
                Subscription(
                    "notification--accounts",
                    "enrollment",
                    ("person.role-revoked", "person.disabled", "person.enabled"),
                ),
                Subscription(
                    "notification--sessions",
                    "session",
                    (
                        "session.scheduled",
                        "session.cancelled",
                        "session.ended",
                        "participant.removed",
                    ),
                ),
                Subscription(
                    "notification--identity",
                    "identity",
                    ("case.verified", "case.rejected", "case.resubmission-requested"),
                ),
                Subscription(
                    "notification--results",
                    "assessment",
                    ("result.released", "certificate.issued"),
                ),
            ),
        ),
        ServiceTopology(
            name="portal",
            folder="portal",
            package="proctorium_portal",
            owns="nothing: the web pages",
        ),
    )
}


def callers_of(name: str) -> frozenset[str]:
    """Return the services whose certificate a service lets connect: those that ask it."""
    return frozenset(other.name for other in SERVICES.values() if name in other.asks)
