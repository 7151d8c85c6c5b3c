// The gRPC-Web clients of all services. Calls go to the origin of the page, and are authorised by an HttpOnly cookie.
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AssessmentService } from "../gen/proctorium/assessment/v1/assessments_pb";
import { AttemptService } from "../gen/proctorium/assessment/v1/attempts_pb";
import { GradingService } from "../gen/proctorium/assessment/v1/grading_pb";
import { CertificateService, ResultService, TranscriptService } from "../gen/proctorium/assessment/v1/results_pb";
import { AccommodationService } from "../gen/proctorium/enrollment/v1/accommodations_pb";
import { AccountService } from "../gen/proctorium/enrollment/v1/accounts_pb";
import { CodeService } from "../gen/proctorium/enrollment/v1/codes_pb";
import { CourseService, RegistrationService } from "../gen/proctorium/enrollment/v1/courses_pb";
import { OrganisationService } from "../gen/proctorium/enrollment/v1/organisation_pb";
import { PersonService } from "../gen/proctorium/enrollment/v1/people_pb";
import { VerificationService } from "../gen/proctorium/identity/v1/verification_pb";
import { InboxService } from "../gen/proctorium/notification/v1/notifications_pb";
import { BreakService } from "../gen/proctorium/session/v1/breaks_pb";
import { HandService } from "../gen/proctorium/session/v1/hands_pb";
import { IncidentService } from "../gen/proctorium/session/v1/incidents_pb";
import { LobbyService } from "../gen/proctorium/session/v1/lobby_pb";
import { MessageService } from "../gen/proctorium/session/v1/messages_pb";
import { ReportService } from "../gen/proctorium/session/v1/reports_pb";
import { SessionService } from "../gen/proctorium/session/v1/sessions_pb";
import { RecordService, SupervisionService } from "../gen/proctorium/session/v1/supervision_pb";
import { tokenRenewal } from "./tokens";
import { tracing } from "./tracing";

const CALL_TIMEOUT_MS = 20_000;

const transport = createGrpcWebTransport({
  baseUrl: location.origin,
  defaultTimeoutMs: CALL_TIMEOUT_MS,
  interceptors: [tokenRenewal(() => accounts.refreshToken({})), tracing],
});

export const accommodations = createClient(AccommodationService, transport);
export const accounts: Client<typeof AccountService> = createClient(AccountService, transport);
export const assessments = createClient(AssessmentService, transport);
export const attempts = createClient(AttemptService, transport);
export const certificates = createClient(CertificateService, transport);
export const codes = createClient(CodeService, transport);
export const conversations = createClient(MessageService, transport);
export const courses = createClient(CourseService, transport);
export const grading = createClient(GradingService, transport);
export const breaks = createClient(BreakService, transport);
export const hands = createClient(HandService, transport);
export const identity = createClient(VerificationService, transport);
export const inbox = createClient(InboxService, transport);
export const incidents = createClient(IncidentService, transport);
export const lobby = createClient(LobbyService, transport);
export const organisation = createClient(OrganisationService, transport);
export const people = createClient(PersonService, transport);
export const record = createClient(RecordService, transport);
export const registrations = createClient(RegistrationService, transport);
export const reports = createClient(ReportService, transport);
export const results = createClient(ResultService, transport);
export const sessions = createClient(SessionService, transport);
export const supervision = createClient(SupervisionService, transport);
export const transcripts = createClient(TranscriptService, transport);
