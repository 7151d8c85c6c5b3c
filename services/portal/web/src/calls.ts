// Every call to the services goes through here: gRPC-Web to the address the page came from, signed in by an HttpOnly cookie.
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { signal } from "@preact/signals";
import { AssessmentService } from "./gen/proctorium/assessment/v1/assessments_pb";
import { AttemptService } from "./gen/proctorium/assessment/v1/attempts_pb";
import { GradingService } from "./gen/proctorium/assessment/v1/grading_pb";
import {
  CertificateService,
  ResultService,
  TranscriptService,
} from "./gen/proctorium/assessment/v1/results_pb";
import { AccountService } from "./gen/proctorium/enrollment/v1/accounts_pb";
import { CodeService } from "./gen/proctorium/enrollment/v1/codes_pb";
import { CourseService, RegistrationService } from "./gen/proctorium/enrollment/v1/courses_pb";
import { OrganisationService } from "./gen/proctorium/enrollment/v1/organisation_pb";
import { PersonService } from "./gen/proctorium/enrollment/v1/people_pb";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb";
import { VerificationService } from "./gen/proctorium/identity/v1/verification_pb";
import { InboxService } from "./gen/proctorium/notification/v1/notifications_pb";
import { LobbyService } from "./gen/proctorium/session/v1/lobby_pb";
import { SessionService } from "./gen/proctorium/session/v1/sessions_pb";
import { RecordService, SupervisionService } from "./gen/proctorium/session/v1/supervision_pb";
import { newId, randomHex } from "./ids";
import { Refusal } from "./refusal";

const CALL_TIMEOUT_MS = 20_000;
const TOKEN_REFUSED = new Set(["TOKEN_EXPIRED", "TOKEN_MISSING", "TOKEN_INVALID"]);
const ACCOUNTS = "proctorium.enrollment.v1.AccountService";
/** Methods of the account service that start, renew or end a sign-in: refreshing the token does not help when they fail. */
const OF_SIGN_IN = new Set(["SignIn", "RefreshToken", "SignOut"]);

/** What went wrong, as the page shows it: a reason for the code, a sentence for the person. */
export interface Problem {
  reason: string;
  sentence: string;
  retryAfterSeconds?: number;
  metadata?: Readonly<Record<string, string>>;
  /** What is wrong with single fields of the request. */
  violations?: readonly Violation[];
}

/** A field of a request that was refused: its path in the proto, such as `plan.proctor_ids`, and a sentence for the person. */
export interface Violation {
  field: string;
  sentence: string;
}

/** The problem behind anything that was thrown; what nobody has foreseen goes to the console too. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refusal) return { reason: thrown.reason, sentence: thrown.message };
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const retry = error.findDetails(RetryInfoSchema)[0];
  if (info !== undefined) {
    const seconds = retry?.retryDelay?.seconds;
    const violations = error.findDetails(BadRequestSchema).flatMap((request) => request.fieldViolations);
    return {
      reason: info.reason,
      sentence: error.rawMessage,
      metadata: info.metadata,
      violations: violations.map(({ field, description }) => ({ field, sentence: description })),
      ...(seconds === undefined ? {} : { retryAfterSeconds: Number(seconds) }),
    };
  }
  if (isAway(thrown)) {
    const reason = error.code === Code.DeadlineExceeded ? "TIMED_OUT" : "OFFLINE";
    return { reason, sentence: "The server cannot be reached just now. Check your connection and try again." };
  }
  console.error(thrown);
  return { reason: "UNKNOWN", sentence: "Something went wrong on our side. What was saved is not lost. Try again, or ask for help." };
}

// Services say details with every error, so without them it was the connection that broke.
const BROKEN = new Set([Code.Unknown, Code.Internal, Code.Canceled, Code.Aborted, Code.DataLoss]);

/** Whether a failure means that nobody answered: worth trying again unchanged. A mistake of these pages is none, wherever it was made. */
export function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof ConnectError)) return false;
  if (thrown.code === Code.Unavailable || thrown.code === Code.DeadlineExceeded) return true;
  // The browser tells of a broken connection by a TypeError, which is the cause then.
  const isMistake = thrown.cause instanceof Error && !(thrown.cause instanceof TypeError);
  return BROKEN.has(thrown.code) && thrown.findDetails(ErrorInfoSchema).length === 0 && !isMistake;
}

/** A W3C traceparent that begins a new trace here in the browser, recorded where the server's settings say so. */
function traceparent(): string {
  const ratio = Number(document.querySelector<HTMLMetaElement>("meta[name=trace-ratio]")?.content ?? "0");
  return `00-${randomHex(16)}-${randomHex(8)}-${Math.random() < ratio ? "01" : "00"}`;
}

const trace: Interceptor = (next) => (request) => {
  request.header.set("traceparent", traceparent());
  return next(request);
};

/** Whether a call was refused for want of a good token: it can be made again, unchanged, after a sign-in. */
export function lacksToken(thrown: unknown): boolean {
  return TOKEN_REFUSED.has(ConnectError.from(thrown).findDetails(ErrorInfoSchema)[0]?.reason ?? "");
}

/** From when the sign-in is found to be over until the next one, the reason for which the token was refused: the page shows the form. Empty otherwise. */
export const signedOut = signal("");

const RENEWED = "proctorium.refreshed";

/** Which tokens the browser has now, as all its tabs know it: another text after each renewal and sign-in. No clock is asked, for clocks are set. */
function tokens(): string | null {
  return localStorage.getItem(RENEWED);
}

/** To be called when new tokens have come: tells the other tabs. */
export function haveNewTokens(): void {
  localStorage.setItem(RENEWED, newId());
}

/** Calls `renewed` whenever another tab has got new tokens. */
export function whenRenewedElsewhere(renewed: () => void): void {
  addEventListener("storage", ({ key }) => {
    if (key === RENEWED) renewed();
  });
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Runs it when nobody else does: no other tab, or where the browser has no locks (plain HTTP, except on this machine) no other call of this one. */
function inTurn<Done>(act: () => Promise<Done>): Promise<Done> {
  if ("locks" in navigator) return navigator.locks.request(RENEWED, act);
  const turn = lastTurn.then(act);
  lastTurn = turn.catch(() => undefined);
  return turn;
}

/**
 * Trades the refresh cookie for new tokens, after a call was refused for the reason `refused`; when the cookie is refused too, the sign-in is
 * over. False where other tokens than those `used` have come meanwhile, from another tab or a sign-in. The cookie works once and is shared by
 * all tabs, so they take turns.
 */
function renew(used: string | null, refused: string): Promise<boolean> {
  return inTurn(async () => {
    if (tokens() !== used) return false;
    try {
      await accounts.refreshToken({});
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown;
      if (tokens() !== used) return false;
      signedOut.value = refused;
      return true;
    }
    haveNewTokens();
    return true;
  });
}

/** The messages of a stream's request, to be read as often as it is sent: connect's own are gone after the first time. */
async function repeatable<Message>(messages: AsyncIterable<Message>): Promise<AsyncIterable<Message>> {
  const kept: Message[] = [];
  for await (const message of messages) kept.push(message);
  return {
    async *[Symbol.asyncIterator]() {
      yield* kept;
    },
  };
}

const stayingSignedIn: Interceptor = (next) => async (asked) => {
  const request = asked.stream ? { ...asked, message: await repeatable(asked.message) } : asked;
  if (request.service.typeName === ACCOUNTS && OF_SIGN_IN.has(request.method.name)) return await next(request);
  for (let renewed = false; ; ) {
    const used = tokens();
    try {
      return await next(request);
    } catch (thrown) {
      if (renewed || signedOut.value || !lacksToken(thrown)) throw thrown;
      renewed = await renew(used, problemOf(thrown).reason);
      if (signedOut.value) throw thrown;
    }
  }
};

const transport = createGrpcWebTransport({
  baseUrl: location.origin,
  defaultTimeoutMs: CALL_TIMEOUT_MS,
  interceptors: [stayingSignedIn, trace],
});

export const accounts: Client<typeof AccountService> = createClient(AccountService, transport);
export const assessments = createClient(AssessmentService, transport);
export const attempts = createClient(AttemptService, transport);
export const certificates = createClient(CertificateService, transport);
export const codes = createClient(CodeService, transport);
export const courses = createClient(CourseService, transport);
export const grading = createClient(GradingService, transport);
export const identity = createClient(VerificationService, transport);
export const inbox = createClient(InboxService, transport);
export const lobby = createClient(LobbyService, transport);
export const organisation = createClient(OrganisationService, transport);
export const people = createClient(PersonService, transport);
export const record = createClient(RecordService, transport);
export const registrations = createClient(RegistrationService, transport);
export const results = createClient(ResultService, transport);
export const sessions = createClient(SessionService, transport);
export const supervision = createClient(SupervisionService, transport);
export const transcripts = createClient(TranscriptService, transport);
