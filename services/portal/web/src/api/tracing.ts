// Starts a trace for each call.
import type { Interceptor } from "@connectrpc/connect";
import { randomHex } from "./ids";

/** Return a W3C traceparent for a new trace. A meta element of the page sets the share of traces that are sampled. */
function traceparent(): string {
  const ratio = Number(document.querySelector<HTMLMetaElement>("meta[name=trace-ratio]")?.content ?? "0");
  return `00-${randomHex(16)}-${randomHex(8)}-${Math.random() < ratio ? "01" : "00"}`;
}

export const tracing: Interceptor = (next) => (request) => {
  request.header.set("traceparent", traceparent());
  return next(request);
};
