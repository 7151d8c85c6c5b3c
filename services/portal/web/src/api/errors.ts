// Converts the errors of calls into problems, which pages show.
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb";
import { messages } from "../messages";

/** An error as a page shows it. The code reads `reason`, and the person reads `sentence`. */
export interface Problem {
  reason: string;
  sentence: string;
  /** The language of the sentence if it is not the language of the pages. */
  lang?: string;
  retryAfterSeconds?: number;
  metadata?: Readonly<Record<string, string>>;
  /** The invalid fields of the request. */
  violations?: readonly Violation[];
}

/** Return a problem with a sentence of the pages instead of the service's. */
export function withSentence(problem: Problem, sentence: string): Problem {
  const { lang: _, ...rest } = problem;
  return { ...rest, sentence };
}

/** An invalid field of a request: its path in the proto, such as `plan.proctor_ids`, and a sentence for the person. */
export interface Violation {
  field: string;
  sentence: string;
  /** The language of the sentence if it is not the language of the pages. */
  lang?: string;
}

/** The language of the services' sentences. */
export const SERVICES_LANGUAGE = "en";

/**
 * An error that no failed call has caused: the page found invalid input, or a response contains an error for one
 * participant. Pages show such an error like a service's error.
 */
export class ProblemError extends Error {
  constructor(
    readonly reason: string,
    sentence: string,
    readonly lang?: string,
  ) {
    super(sentence);
  }
}

/** Convert a thrown value into a problem. Log unexpected errors to the console. */
export function toProblem(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return problemOf(thrown);
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const retry = error.findDetails(RetryInfoSchema)[0];
  if (info !== undefined) {
    const seconds = retry?.retryDelay?.seconds;
    const violations = error.findDetails(BadRequestSchema).flatMap((request) => request.fieldViolations);
    return {
      reason: info.reason,
      sentence: error.rawMessage,
      lang: SERVICES_LANGUAGE,
      metadata: info.metadata,
      violations: violations.map(({ field, description }) => ({
        field,
        sentence: description,
        lang: SERVICES_LANGUAGE,
      })),
      ...(seconds === undefined ? {} : { retryAfterSeconds: Number(seconds) }),
    };
  }
  if (isUnreachable(thrown)) {
    const reason = error.code === Code.DeadlineExceeded ? "TIMED_OUT" : "OFFLINE";
    return { reason, sentence: messages.common.unreachableTryAgain };
  }
  console.error(thrown);
  return {
    reason: "UNKNOWN",
    sentence: messages.common.unknownError,
  };
}

function problemOf({ reason, message, lang }: ProblemError): Problem {
  return { reason, sentence: message, ...(lang === undefined ? {} : { lang }) };
}

// Services send details with every error, so an error without them comes from a broken connection.
const CONNECTION_ERRORS = new Set([Code.Unknown, Code.Internal, Code.Canceled, Code.Aborted, Code.DataLoss]);

/**
 * Return whether a call failed because the server could not be reached, so that the call can be retried. Return false
 * for an error that a bug in the pages caused.
 */
export function isUnreachable(thrown: unknown): boolean {
  if (!(thrown instanceof ConnectError)) return false;
  if (thrown.code === Code.Unavailable || thrown.code === Code.DeadlineExceeded) return true;
  // A broken connection makes the browser throw a TypeError, which connect stores as the cause. Any other cause is a
  // bug.
  const isBug = thrown.cause instanceof Error && !(thrown.cause instanceof TypeError);
  return CONNECTION_ERRORS.has(thrown.code) && thrown.findDetails(ErrorInfoSchema).length === 0 && !isBug;
}

const TOKEN_REASONS = new Set(["TOKEN_EXPIRED", "TOKEN_MISSING", "TOKEN_INVALID"]);

/** Return whether a call was refused because it had no valid token. The call can be repeated with new tokens. */
export function isTokenError(thrown: unknown): boolean {
  return TOKEN_REASONS.has(ConnectError.from(thrown).findDetails(ErrorInfoSchema)[0]?.reason ?? "");
}
