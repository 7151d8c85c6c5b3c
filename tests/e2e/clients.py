"""Clients with which the tests and the demo act as a learner and as a proctor in a session."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from e2e.images import identity_document, selfie
from e2e.scenario import Scenario
from e2e.watching import Watch
from proctorium.assessment.v1.attempts_pb2 import (
    ATTEMPT_STATE_AUTHORIZED,
    ATTEMPT_STATE_RELEASED,
    AnswerChange,
    Attempt,
    EnterAttemptRequest,
    GetAttemptRequest,
    ListAttemptsRequest,
    Receipt,
    SaveAnswersRequest,
    StartAttemptRequest,
    SubmitAttemptRequest,
    WatchAttemptRequest,
    WatchAttemptResponse,
)
from proctorium.assessment.v1.items_pb2 import Answer, ChosenChoices, Item
from proctorium.assessment.v1.results_pb2 import (
    Certificate,
    DownloadCertificateRequest,
    GetCertificateRequest,
    GetResultRequest,
    GetTranscriptRequest,
    Result,
    TranscriptEntry,
    VerifyCertificateRequest,
)
from proctorium.enrollment.v1.courses_pb2 import (
    UNIT_KIND_LESSON,
    GetCourseRequest,
    GetLessonRequest,
)
from proctorium.identity.v1.verification_pb2 import (
    CASE_STATE_SUBMITTED,
    DECISION_VERIFY,
    EVIDENCE_KIND_DOCUMENT,
    EVIDENCE_KIND_SELFIE,
    Case,
    DecideCaseRequest,
    GetCaseRequest,
    GetEvidenceRequest,
    GetRegistrationRequest,
    LearnerInSession,
    SubmitEvidenceRequest,
)
from proctorium.session.v1.lobby_pb2 import (
    IDENTITY_STATE_VERIFIED,
    PARTICIPANT_STATE_IN_SESSION,
    PARTICIPANT_STATE_WAITING,
    JoinSessionRequest,
    Participant,
    WatchSessionRequest,
    WatchSessionResponse,
)
from proctorium.session.v1.sessions_pb2 import (
    SESSION_STATE_ENDED,
    CancelClosingRequest,
    EndSessionRequest,
    ReopenSessionRequest,
    Session,
    StartSessionRequest,
)
from proctorium.session.v1.supervision_pb2 import (
    AuthorizeAssessmentRequest,
    GetRecordRequest,
    RecordEntry,
    WatchRosterRequest,
    WatchRosterResponse,
)
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_devstack.demo.people import Person
from proctorium_devstack.demo.waiting import eventually

Log = Callable[[str], None]


def no_log(_: str) -> None:
    """Discard the log line, for clients that do not log."""


@dataclass
class LearnerClient:
    """The calls and streams of one learner in a session."""

    learner: Person
    scenario: Scenario
    log: Log = no_log
    participant_id: str = ""
    attempt_id: str = ""
    receipts: list[Receipt] = field(default_factory=list)
    sequence: int = 0
    epoch: int = 0
    lobby: Watch[WatchSessionResponse] | None = None
    exam: Watch[WatchAttemptResponse] | None = None

    async def join(self) -> Participant:
        """Join by the code, start to watch the lobby in the background, and return the participant."""
        answer = await self.learner.lobby.JoinSession(
            JoinSessionRequest(request_id=str(new_id()), code=self.scenario.code)
        )
        assert answer.participant.state == PARTICIPANT_STATE_WAITING
        self.participant_id = answer.participant.participant_id
        self.lobby = Watch(self.open_lobby, lambda view: view.cursor, self.learner.refresh_tokens)
        await self.lobby.until(
            lambda view: view.participant.state == PARTICIPANT_STATE_WAITING, "Waiting"
        )
        self.log(f"{self.learner.name} joined and is Waiting, participant {self.participant_id}")
        return answer.participant

    async def rejoin(self) -> Participant:
        """Join again on another device, and start to watch the session; return the participant."""
        answer = await self.learner.lobby.JoinSession(
            JoinSessionRequest(request_id=str(new_id()), code=self.scenario.code)
        )
        self.participant_id = answer.participant.participant_id
        self.lobby = Watch(self.open_lobby, lambda view: view.cursor, self.learner.refresh_tokens)
        return answer.participant

    def open_lobby(self, cursor: str) -> AsyncIterable[WatchSessionResponse]:
        """Open the learner's stream of the session, which starts with the changes after `cursor`."""
        return self.learner.lobby.WatchSession(
            WatchSessionRequest(session_id=self.scenario.session_id, cursor=cursor)
        )

    async def send_evidence(self) -> Case:
        """Wait for the identity case and submit a document and a selfie; return the submitted case."""

        async def case_opened() -> Case | None:
            try:
                request = GetCaseRequest(
                    learner=LearnerInSession(session_id=self.scenario.session_id)
                )
                return (await self.learner.identity.GetCase(request)).case
            except ServiceError as unknown:
                if unknown.kind is not Kind.NOT_FOUND:
                    raise
                return None

        case = await eventually(case_opened, "the identity case to be opened")
        for kind, image in (
            (EVIDENCE_KIND_DOCUMENT, identity_document(self.learner.name)),
            (EVIDENCE_KIND_SELFIE, selfie()),
        ):
            answer = await self.learner.identity.SubmitEvidence(
                SubmitEvidenceRequest(
                    request_id=str(new_id()), case_id=case.case_id, kind=kind, image=image
                )
            )
            case = answer.case
        assert case.state == CASE_STATE_SUBMITTED
        self.log(f"{self.learner.name} sent document and selfie, case {case.case_id}")
        return case

    async def get_lesson(self) -> str:
        """Return the HTML of the course's first lesson."""
        course = await self.learner.courses.GetCourse(
            GetCourseRequest(course_id=self.scenario.course_id)
        )
        lesson = next(unit for unit in course.course.units if unit.kind == UNIT_KIND_LESSON)
        return (await self.learner.courses.GetLesson(GetLessonRequest(unit_id=lesson.unit_id))).html

    async def open_lesson_eventually(self) -> str:
        """Wait until enrollment has handled the start of the session; return the HTML of the first lesson."""

        async def opened() -> str | None:
            try:
                return await self.get_lesson()
            except ServiceError as closed:
                if closed.reason != "PARTICIPANT_NOT_IN_SESSION":
                    raise
                return None

        return await eventually(opened, "the course content to open")

    async def be_in_session(self) -> None:
        """Wait until the learner's state is In Session."""
        assert self.lobby is not None
        await self.lobby.until(
            lambda view: view.participant.state == PARTICIPANT_STATE_IN_SESSION, "In Session"
        )
        self.log(f"{self.learner.name} is shown In Session")

    async def find_attempt(self) -> str:
        """Wait until the learner has an attempt in the session; return the id of the attempt."""

        async def listed() -> str | None:
            answer = await self.learner.attempts.ListAttempts(ListAttemptsRequest())
            mine = (a for a in answer.attempts if a.session_id == self.scenario.session_id)
            return next((attempt.attempt_id for attempt in mine), None)

        self.attempt_id = await eventually(listed, "the attempt to be created")
        return self.attempt_id

    async def open_exam(self) -> Attempt:
        """Find the attempt, start to watch it in the background, and return it."""
        await self.find_attempt()
        self.exam = Watch(self._open_exam, lambda view: view.cursor, self.learner.refresh_tokens)
        attempt = await self.read_attempt()
        self.sequence = attempt.last_sequence
        return attempt

    async def read_attempt(self) -> Attempt:
        """Return the attempt with its questions and answers."""
        request = GetAttemptRequest(attempt_id=self.attempt_id)
        return (await self.learner.attempts.GetAttempt(request)).attempt

    async def start(self) -> Attempt:
        """Wait until the attempt is authorised, start the attempt, and return the attempt."""
        await self.open_exam()
        assert self.exam is not None
        await self.exam.until(
            lambda view: view.attempt.state == ATTEMPT_STATE_AUTHORIZED, "the attempt authorised"
        )
        answer = await self.learner.attempts.StartAttempt(
            StartAttemptRequest(request_id=str(new_id()), attempt_id=self.attempt_id)
        )
        self.log(f"{self.learner.name} started attempt {self.attempt_id}")
        return answer.attempt

    def _open_exam(self, cursor: str) -> AsyncIterable[WatchAttemptResponse]:
        return self.learner.attempts.WatchAttempt(
            WatchAttemptRequest(attempt_id=self.attempt_id, cursor=cursor)
        )

    async def save(self, item: Item, answer: Answer) -> Receipt:
        """Save one answer under the next sequence number; return the receipt."""
        self.sequence += 1
        return await self.save_as(self.sequence, item.item_id, answer)

    async def enter(self) -> None:
        """Enter the attempt on another device, so that the answers of this client take precedence."""
        request = EnterAttemptRequest(
            request_id=str(new_id()), attempt_id=self.attempt_id, device_id=str(new_id())
        )
        self.epoch = (await self.learner.attempts.EnterAttempt(request)).writer_epoch

    async def save_as(self, sequence: int, item_id: str, answer: Answer) -> Receipt:
        """Save one answer under the number `sequence`, even if the number was used before; return the receipt."""
        made = Timestamp()
        made.FromDatetime(datetime.now(UTC))
        change = AnswerChange(
            sequence=sequence,
            item_id=item_id,
            answer=answer,
            client_time=made,
            writer_epoch=self.epoch,
        )
        saved = await self.learner.attempts.SaveAnswers(
            SaveAnswersRequest(attempt_id=self.attempt_id, changes=[change])
        )
        self.receipts.append(saved.receipt)
        return saved.receipt

    async def answer_all(self, attempt: Attempt) -> None:
        """Answer every question correctly."""
        for item in attempt.items:
            receipt = await self.save(item, correct_answer(item))
        self.log(
            f"{self.learner.name} saved {len(attempt.items)} answers, "
            f"receipt {receipt.chain_head.hex()[:16]}…"
        )

    async def submit(self) -> None:
        """Submit the attempt."""
        await self.learner.attempts.SubmitAttempt(
            SubmitAttemptRequest(request_id=str(new_id()), attempt_id=self.attempt_id)
        )
        self.log(f"{self.learner.name} submitted")

    async def wait_for_result(self) -> Result:
        """Wait until the result is released, which is after the end of the session; return the result."""
        assert self.exam is not None
        await self.exam.until(
            lambda view: view.attempt.state == ATTEMPT_STATE_RELEASED, "the result released"
        )
        request = GetResultRequest(attempt_id=self.attempt_id)
        result = (await self.learner.results.GetResult(request)).result
        verdict = "passed" if result.passed else "failed"
        self.log(
            f"{self.learner.name} sees the result: {result.points:g} of "
            f"{result.points_possible:g} points, {verdict}"
        )
        return result

    async def wait_for_certificate(self) -> tuple[Certificate, bytes]:
        """Wait for the certificate and verify it with the public call; return the certificate and the PDF."""

        async def first_issued() -> Certificate | None:
            transcript = await self.learner.transcripts.GetTranscript(GetTranscriptRequest())
            issued = [each for each in transcript.certificates if each.HasField("issue_time")]
            return issued[0] if issued else None

        found = await eventually(first_issued, "the certificate")
        request = GetCertificateRequest(certificate_id=found.certificate_id)
        certificate = (await self.learner.certificates.GetCertificate(request)).certificate
        pdf = await self.learner.certificates.DownloadCertificate(
            DownloadCertificateRequest(certificate_id=certificate.certificate_id)
        )
        verified = await self.learner.certificates.VerifyCertificate(
            VerifyCertificateRequest(certificate_id=certificate.certificate_id)
        )
        assert verified.holder_name == self.learner.name
        assert json.loads(certificate.credential_json)["proof"]
        self.log(
            f"{self.learner.name} has certificate {certificate.certificate_id} "
            f"(PDF of {len(pdf.pdf):,} bytes, credential signed)"
        )
        return certificate, pdf.pdf

    async def transcript(self) -> list[TranscriptEntry]:
        """Return the entries of the learner's transcript."""
        answer = await self.learner.transcripts.GetTranscript(GetTranscriptRequest())
        return list(answer.entries)

    async def close(self) -> None:
        """Close all streams."""
        for watch in (self.lobby, self.exam):
            if watch is not None:
                await watch.close()


@dataclass
class ProctorClient:
    """The calls of the proctor in a session, and the proctor's stream of the roster."""

    scenario: Scenario
    log: Log = no_log
    roster: Watch[WatchRosterResponse] | None = None

    @property
    def proctor(self) -> Person:
        """The proctor of the session."""
        return self.scenario.proctor

    def watch(self) -> None:
        """Start to watch the roster in the background."""
        self.roster = Watch(
            self._open_roster, lambda view: view.cursor, self.proctor.refresh_tokens
        )

    def _open_roster(self, cursor: str) -> AsyncIterable[WatchRosterResponse]:
        return self.proctor.supervision.WatchRoster(
            WatchRosterRequest(session_id=self.scenario.session_id, cursor=cursor)
        )

    async def verify(self, case: Case) -> Case:
        """View the images and the registration data of a case, then verify the case."""
        identity = self.proctor.identity
        for kind in (EVIDENCE_KIND_DOCUMENT, EVIDENCE_KIND_SELFIE):
            evidence = await identity.GetEvidence(
                GetEvidenceRequest(case_id=case.case_id, kind=kind)
            )
            assert evidence.image
        registered = await identity.GetRegistration(GetRegistrationRequest(case_id=case.case_id))
        decided = await identity.DecideCase(
            DecideCaseRequest(
                request_id=str(new_id()),
                case_id=case.case_id,
                decision=DECISION_VERIFY,
                decision_reason="The photo and the name agree.",
            )
        )
        self.log(f"{self.proctor.name} verified the identity of {registered.legal_name}")
        return decided.case

    async def start(self) -> Session:
        """Start the session."""
        answer = await self.proctor.sessions.StartSession(
            StartSessionRequest(request_id=str(new_id()), session_id=self.scenario.session_id)
        )
        self.log(f"{self.proctor.name} started session {self.scenario.session_id}")
        return answer.session

    async def authorize(self, *learners: LearnerClient) -> None:
        """Wait until the roster shows `learners` as verified, then authorise the assessment for these learners."""
        assert self.roster is not None
        for learner in learners:
            await self.roster.until(_shows_verified(learner.participant_id), "a verified identity")
        response = await self.proctor.supervision.AuthorizeAssessment(
            AuthorizeAssessmentRequest(
                request_id=str(new_id()),
                session_id=self.scenario.session_id,
                assessment_id=self.scenario.assessment_id,
                participant_ids=[learner.participant_id for learner in learners],
            )
        )
        assert all(each.HasField("participant") for each in response.outcomes), response.outcomes
        names = ", ".join(learner.learner.name for learner in learners)
        self.log(f"{self.proctor.name} authorised the assessment for {names}")

    async def end(self) -> Session:
        """End the session."""
        answer = await self.proctor.sessions.EndSession(
            EndSessionRequest(request_id=str(new_id()), session_id=self.scenario.session_id)
        )
        has_ended = answer.session.state == SESSION_STATE_ENDED
        self.log(f"{self.proctor.name} {'ended' if has_ended else 'is ending'} the session")
        return answer.session

    async def cancel_closing(self) -> Session:
        """Cancel the closing of the session."""
        answer = await self.proctor.sessions.CancelClosing(
            CancelClosingRequest(request_id=str(new_id()), session_id=self.scenario.session_id)
        )
        self.log(f"{self.proctor.name} cancelled the end of the session")
        return answer.session

    async def reopen(self) -> Session:
        """Reopen the session, which has ended."""
        answer = await self.proctor.sessions.ReopenSession(
            ReopenSessionRequest(request_id=str(new_id()), session_id=self.scenario.session_id)
        )
        self.log(f"{self.proctor.name} reopened the session")
        return answer.session

    async def last_entry(self, event: str) -> RecordEntry:
        """Return the last entry of the session record whose event is `event`."""
        request = GetRecordRequest(session_id=self.scenario.session_id, page_size=1000)
        entries = (await self.proctor.record.GetRecord(request)).entries
        return [entry for entry in entries if entry.event == event][-1]

    async def close(self) -> None:
        """Close the stream of the roster."""
        if self.roster is not None:
            await self.roster.close()


def _shows_verified(participant_id: str) -> Callable[[WatchRosterResponse], bool]:
    def verified(participant: Participant) -> bool:
        return (
            participant.participant_id == participant_id
            and participant.identity == IDENTITY_STATE_VERIFIED
        )

    def shows(view: WatchRosterResponse) -> bool:
        return verified(view.participant) or any(map(verified, view.snapshot.participants))

    return shows


def correct_answer(item: Item) -> Answer:
    """Return the correct answer to a question of the demo assessment."""
    match item.WhichOneof("kind"):
        case "single_choice":
            return Answer(chosen=ChosenChoices(choice_ids=["b"]))
        case "multiple_choice":
            return Answer(chosen=ChosenChoices(choice_ids=["goggles", "gloves", "coat"]))
        case "true_false":
            return Answer(truth=False)
        case "numeric":
            return Answer(number=0.4)
        case other:
            raise AssertionError(f"unexpected kind of question: {other}")


def canonical(answer: Answer) -> bytes:
    """Return the serialized answer with sorted choices, so that equal answers have equal bytes."""
    ordered = Answer()
    ordered.CopyFrom(answer)
    if ordered.HasField("chosen"):
        ordered.chosen.choice_ids[:] = sorted(answer.chosen.choice_ids)
    return ordered.SerializeToString(deterministic=True)
