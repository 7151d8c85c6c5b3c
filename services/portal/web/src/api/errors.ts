// What went wrong with a call, as pages show it.
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb";
import { messages } from "../messages";

/** An error as a page shows it: a reason for the code, a sentence for the person. */
export interface Problem {
  reason: string;
  sentence: string;
  retryAfterSeconds?: number;
  metadata?: Readonly<Record<string, string>>;
  /** What is wrong with single fields of the request. */
  violations?: readonly Violation[];
}

/** An invalid field of a request: its path in the proto, such as `plan.proctor_ids`, and a sentence for the person. */
export interface Violation {
  field: string;
  sentence: string;
}

/** A problem that no failed call reports: found in the person's input, or the outcome for one participant; shown like a service's error. */
export class ProblemError extends Error {
  constructor(
    readonly reason: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** Convert anything that was thrown into a problem; unexpected errors are logged to the console too. */
export function toProblem(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return { reason: thrown.reason, sentence: thrown.message };
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

// Services send details with every error, so an error without them comes from a broken connection.
const CONNECTION_ERRORS = new Set([Code.Unknown, Code.Internal, Code.Canceled, Code.Aborted, Code.DataLoss]);

/** Return whether a call failed because the server could not be reached, so that the same call can be retried. A bug in these pages is not such a failure. */
export function isUnreachable(thrown: unknown): boolean {
  if (!(thrown instanceof ConnectError)) return false;
  if (thrown.code === Code.Unavailable || thrown.code === Code.DeadlineExceeded) return true;
  // Browsers report a broken connection as a TypeError, which is the cause then.
  const isBug = thrown.cause instanceof Error && !(thrown.cause instanceof TypeError);
  return CONNECTION_ERRORS.has(thrown.code) && thrown.findDetails(ErrorInfoSchema).length === 0 && !isBug;
}

const TOKEN_REASONS = new Set(["TOKEN_EXPIRED", "TOKEN_MISSING", "TOKEN_INVALID"]);

/** Return whether a call was refused because it had no valid token: the same call can be made again after signing in. */
export function isTokenError(thrown: unknown): boolean {
  return TOKEN_REASONS.has(ConnectError.from(thrown).findDetails(ErrorInfoSchema)[0]?.reason ?? "");
}
