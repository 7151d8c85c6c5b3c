import { Code, ConnectError, type StreamRequest, type UnaryRequest } from "@connectrpc/connect";
import { beforeEach, expect, test, vi } from "vitest";
import "../testing/browser";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { announceNewTokens, onTokensRenewedElsewhere, signedOutReason, tokenRenewal } = await import("./tokens");

function refusal(reason: string): ConnectError {
  return new ConnectError(reason, Code.Unauthenticated, undefined, [{ desc: ErrorInfoSchema, value: { reason } }]);
}

const UNREACHABLE = new ConnectError("no connection", Code.Unavailable);

const refresh = vi.fn<() => Promise<void>>();
const next = vi.fn();

/** Make a call through the interceptor. */
function call(method = "GetCourse", service = "proctorium.enrollment.v1.CourseService"): Promise<unknown> {
  const request = {
    stream: false,
    service: { typeName: service },
    method: { name: method },
  } as unknown as UnaryRequest;
  return tokenRenewal(refresh)(next)(request);
}

beforeEach(() => {
  localStorage.clear();
  signedOutReason.value = "";
  refresh.mockReset().mockResolvedValue();
  next.mockReset();
});

test("a call whose token has expired is made again with new tokens", async () => {
  next.mockRejectedValueOnce(refusal("TOKEN_EXPIRED")).mockResolvedValue("response");
  await expect(call()).resolves.toBe("response");
  expect(refresh).toHaveBeenCalledTimes(1);
});

test("calls that fail at the same time renew the tokens once", async () => {
  next.mockRejectedValueOnce(refusal("TOKEN_EXPIRED")).mockRejectedValueOnce(refusal("TOKEN_EXPIRED"));
  next.mockResolvedValue("response");
  await Promise.all([call(), call()]);
  expect(refresh).toHaveBeenCalledTimes(1);
});

test("tokens that another tab has renewed in the meantime are used", async () => {
  next.mockImplementationOnce(async () => {
    announceNewTokens();
    throw refusal("TOKEN_EXPIRED");
  });
  next.mockResolvedValue("response");
  await expect(call()).resolves.toBe("response");
  expect(refresh).not.toHaveBeenCalled();
});

test("the sign-in is over when the refresh token is refused too", async () => {
  next.mockRejectedValue(refusal("TOKEN_INVALID"));
  refresh.mockRejectedValue(refusal("TOKEN_INVALID"));
  await expect(call()).rejects.toThrow("TOKEN_INVALID");
  expect(signedOutReason.value).toBe("TOKEN_INVALID");
  expect(next).toHaveBeenCalledTimes(1);
});

test("the sign-in is not over while the server is unreachable", async () => {
  next.mockRejectedValue(refusal("TOKEN_EXPIRED"));
  refresh.mockRejectedValue(UNREACHABLE);
  await expect(call()).rejects.toBe(UNREACHABLE);
  expect(signedOutReason.value).toBe("");
});

test("a call that is refused again after the renewal is not repeated forever", async () => {
  next.mockRejectedValue(refusal("TOKEN_EXPIRED"));
  await expect(call()).rejects.toThrow("TOKEN_EXPIRED");
  expect(next).toHaveBeenCalledTimes(2);
});

test("other errors do not renew the tokens", async () => {
  next.mockRejectedValue(refusal("WRONG_PASSWORD"));
  await expect(call()).rejects.toThrow("WRONG_PASSWORD");
  expect(refresh).not.toHaveBeenCalled();
});

test.each(["SignIn", "RefreshToken", "SignOut"])("a failed %s does not renew the tokens", async (method) => {
  next.mockRejectedValue(refusal("TOKEN_EXPIRED"));
  await expect(call(method, "proctorium.enrollment.v1.AccountService")).rejects.toThrow("TOKEN_EXPIRED");
  expect(refresh).not.toHaveBeenCalled();
});

test("a stream's request is sent again whole", async () => {
  async function* messages(): AsyncGenerator<string> {
    yield "request";
  }
  const received: string[][] = [];
  next.mockImplementation(async ({ message }: StreamRequest) => {
    const read: string[] = [];
    for await (const each of message) read.push(each as unknown as string);
    received.push(read);
    if (received.length === 1) throw refusal("TOKEN_EXPIRED");
    return "stream";
  });
  const request = { stream: true, service: { typeName: "s" }, method: { name: "m" }, message: messages() };
  await expect(tokenRenewal(refresh)(next)(request as unknown as StreamRequest)).resolves.toBe("stream");
  expect(received).toEqual([["request"], ["request"]]);
});

test("other tabs notice new tokens", () => {
  const listener = vi.fn();
  onTokensRenewedElsewhere(listener);
  dispatchEvent(Object.assign(new Event("storage"), { key: "something" }));
  expect(listener).not.toHaveBeenCalled();
  dispatchEvent(Object.assign(new Event("storage"), { key: "proctorium.refreshed" }));
  expect(listener).toHaveBeenCalledTimes(1);
});
