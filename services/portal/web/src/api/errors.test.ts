import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test, vi } from "vitest";
import {
  BadRequest_FieldViolationSchema,
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb";
import { isTokenError, isUnreachable, ProblemError, toProblem } from "./errors";

function refusal(reason: string, code = Code.FailedPrecondition): ConnectError {
  return new ConnectError("A sentence.", code, undefined, [{ desc: ErrorInfoSchema, value: { reason } }]);
}

describe("isUnreachable", () => {
  test.each([
    ["an unavailable server", new ConnectError("", Code.Unavailable), true],
    ["a call that took too long", new ConnectError("", Code.DeadlineExceeded), true],
    ["a connection that the browser reports as broken", ConnectError.from(new TypeError("Failed to fetch")), true],
    ["a response that was cut off", new ConnectError("premature end", Code.DataLoss), true],
    ["an error of the service", refusal("NOT_FOUND"), false],
    ["an internal error that the service explains", refusal("INTERNAL", Code.Internal), false],
    [
      "a bug of the page in a call",
      new ConnectError("", Code.Internal, undefined, undefined, new RangeError("x")),
      false,
    ],
    ["a bug of the page", new RangeError("x"), false],
  ])("%s: %s → %s", (_, thrown, expected) => {
    expect(isUnreachable(thrown)).toBe(expected);
  });
});

test("only errors for want of a valid token are token errors", () => {
  expect(isTokenError(refusal("TOKEN_EXPIRED", Code.Unauthenticated))).toBe(true);
  expect(isTokenError(refusal("TOKEN_INVALID", Code.Unauthenticated))).toBe(true);
  expect(isTokenError(refusal("WRONG_PASSWORD", Code.Unauthenticated))).toBe(false);
  expect(isTokenError(new ConnectError("", Code.Unauthenticated))).toBe(false);
});

describe("toProblem", () => {
  test("has the reason, the sentence, the wait and the fields of a service's error", () => {
    const error = new ConnectError("Try later.", Code.ResourceExhausted, undefined, [
      { desc: ErrorInfoSchema, value: { reason: "TOO_MANY_CODES", metadata: { minutes: "2" } } },
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 90n } } },
      {
        desc: BadRequestSchema,
        value: {
          fieldViolations: [create(BadRequest_FieldViolationSchema, { field: "code", description: "Too short." })],
        },
      },
    ]);
    expect(toProblem(error)).toEqual({
      reason: "TOO_MANY_CODES",
      sentence: "Try later.",
      lang: "en",
      metadata: { minutes: "2" },
      retryAfterSeconds: 90,
      violations: [{ field: "code", sentence: "Too short.", lang: "en" }],
    });
  });

  test("distinguishes a call that took too long from a lost connection", () => {
    expect(toProblem(new ConnectError("", Code.DeadlineExceeded)).reason).toBe("TIMED_OUT");
    expect(toProblem(new ConnectError("", Code.Unavailable)).reason).toBe("OFFLINE");
  });

  test("shows an input error of the page like a service's error", () => {
    expect(toProblem(new ProblemError("IMAGE_TOO_LARGE", "Too large."))).toEqual({
      reason: "IMAGE_TOO_LARGE",
      sentence: "Too large.",
    });
  });

  test("logs an unexpected error", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const bug = new RangeError("bug");
    expect(toProblem(bug).reason).toBe("UNKNOWN");
    expect(log).toHaveBeenCalledWith(bug);
    log.mockRestore();
  });
});
