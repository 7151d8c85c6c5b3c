// Renews the tokens of the sign-in, and detects when the sign-in is over. The tokens are stored in HttpOnly cookies,
// and all tabs share these cookies.
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { signal } from "@preact/signals";
import { AccountService } from "../gen/proctorium/enrollment/v1/accounts_pb";
import { isTokenError, toProblem } from "./errors";
import { newId } from "./ids";

/**
 * The methods that start, renew or end a sign-in. When one of them fails, the tokens are not renewed, because new
 * tokens would not help.
 */
const SIGN_IN_METHODS = new Set(["SignIn", "RefreshToken", "SignOut"]);

/**
 * The reason why the tokens were refused. It is set when the sign-in is over, so that the page shows the sign-in
 * form, and is empty otherwise.
 */
export const signedOutReason = signal("");

const RENEWED_KEY = "proctorium.refreshed";

/**
 * Return the version of the tokens, which all tabs share. It is a random ID that changes with each renewal and sign-in.
 */
function tokenVersion(): string | null {
  return localStorage.getItem(RENEWED_KEY);
}

/** Notify the other tabs that the browser has new tokens. */
export function announceNewTokens(): void {
  localStorage.setItem(RENEWED_KEY, newId());
}

/** Call `listener` whenever another tab has received new tokens. */
export function onTokensRenewedElsewhere(listener: () => void): void {
  addEventListener("storage", ({ key }) => {
    if (key === RENEWED_KEY) listener();
  });
}

let lastRenewal: Promise<unknown> = Promise.resolve();

/**
 * Run `action` with a lock that all tabs share. Browsers provide such locks only over HTTPS. Over plain HTTP, only the
 * actions of the same tab wait for one another.
 */
function withTokenLock<Result>(action: () => Promise<Result>): Promise<Result> {
  if ("locks" in navigator) return navigator.locks.request(RENEWED_KEY, action);
  const renewal = lastRenewal.then(action);
  lastRenewal = renewal.catch(() => undefined);
  return renewal;
}

/**
 * Exchange the refresh cookie for new tokens after a call was refused with `reason`. If the cookie is refused too, the
 * sign-in is over. Return false if another tab or a sign-in has changed the tokens since `version`. All tabs share the
 * cookie, and it works only once, so only one tab at a time renews the tokens.
 */
function renewTokens(refresh: () => Promise<unknown>, version: string | null, reason: string): Promise<boolean> {
  return withTokenLock(async () => {
    if (tokenVersion() !== version) return false;
    try {
      await refresh();
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown;
      if (tokenVersion() !== version) return false;
      signedOutReason.value = reason;
      return true;
    }
    announceNewTokens();
    return true;
  });
}

/**
 * Return the messages of a stream's request as an iterable that can be read repeatedly. The iterable of connect can be
 * read only once.
 */
async function repeatable<Message>(messages: AsyncIterable<Message>): Promise<AsyncIterable<Message>> {
  const buffered: Message[] = [];
  for await (const message of messages) buffered.push(message);
  return {
    async *[Symbol.asyncIterator]() {
      yield* buffered;
    },
  };
}

/**
 * Return an interceptor that renews the tokens with `refresh` when a call is refused because of its token, and then
 * repeats the call.
 */
export function tokenRenewal(refresh: () => Promise<unknown>): Interceptor {
  return (next) => async (original) => {
    const request = original.stream ? { ...original, message: await repeatable(original.message) } : original;
    if (request.service.typeName === AccountService.typeName && SIGN_IN_METHODS.has(request.method.name))
      return await next(request);
    for (let renewed = false; ; ) {
      const version = tokenVersion();
      try {
        return await next(request);
      } catch (thrown) {
        if (renewed || signedOutReason.value || !isTokenError(thrown)) throw thrown;
        renewed = await renewTokens(refresh, version, toProblem(thrown).reason);
        if (signedOutReason.value) throw thrown;
      }
    }
  };
}
