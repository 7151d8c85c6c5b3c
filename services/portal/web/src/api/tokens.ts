// The tokens of the sign-in, which are HttpOnly cookies that all tabs share: renewing them, and noticing when the sign-in is over.
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { signal } from "@preact/signals";
import { AccountService } from "../gen/proctorium/enrollment/v1/accounts_pb";
import { isTokenError, toProblem } from "./errors";
import { newId } from "./ids";

/** Methods that start, renew or end a sign-in: renewing the tokens does not help when they fail. */
const SIGN_IN_METHODS = new Set(["SignIn", "RefreshToken", "SignOut"]);

/** The reason for which the tokens were refused, from when the sign-in is over until the next one: the page shows the sign-in form. Empty otherwise. */
export const signedOutReason = signal("");

const RENEWED_KEY = "proctorium.refreshed";

/** Return the version of the tokens in the browser, which all tabs know. It changes with each renewal and sign-in, and depends on no clock. */
function tokenVersion(): string | null {
  return localStorage.getItem(RENEWED_KEY);
}

/** Tell the other tabs that the browser has new tokens. */
export function announceNewTokens(): void {
  localStorage.setItem(RENEWED_KEY, newId());
}

/** Call `listener` whenever another tab has got new tokens. */
export function onTokensRenewedElsewhere(listener: () => void): void {
  addEventListener("storage", ({ key }) => {
    if (key === RENEWED_KEY) listener();
  });
}

let lastRenewal: Promise<unknown> = Promise.resolve();

/** Run `action` while no other tab does. Browsers have locks on secure addresses only; elsewhere the calls of this tab wait for each other. */
function withTokenLock<Result>(action: () => Promise<Result>): Promise<Result> {
  if ("locks" in navigator) return navigator.locks.request(RENEWED_KEY, action);
  const renewal = lastRenewal.then(action);
  lastRenewal = renewal.catch(() => undefined);
  return renewal;
}

/**
 * Exchange the refresh cookie for new tokens after a call was refused with `reason`; when the cookie is refused too, the sign-in is over.
 * Return false where the tokens have changed since `version`, by another tab or a sign-in. The cookie works once and is shared by all tabs,
 * so only one of them renews at a time.
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

/** Return the messages of a stream's request so that they can be sent more than once: connect's own iterable ends after the first time. */
async function repeatable<Message>(messages: AsyncIterable<Message>): Promise<AsyncIterable<Message>> {
  const buffered: Message[] = [];
  for await (const message of messages) buffered.push(message);
  return {
    async *[Symbol.asyncIterator]() {
      yield* buffered;
    },
  };
}

/** Return an interceptor that renews the tokens with `refresh` when a call is refused for want of a valid one, and makes the call again. */
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
