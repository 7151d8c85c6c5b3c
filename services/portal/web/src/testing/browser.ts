// Provides substitutes for the browser's functions, because unit tests run without a browser. Some modules use these
// functions as soon as they are imported, so import this module before the tested modules.
import { vi } from "vitest";
import { MemoryStorage } from "./memory-storage";

const listeners = new Map<string, ((event: Event) => void)[]>();

vi.stubGlobal("location", { origin: "https://portal.example", pathname: "/" });
vi.stubGlobal("localStorage", new MemoryStorage());
vi.stubGlobal("document", { cookie: "", querySelector: () => null, visibilityState: "visible" });
vi.stubGlobal("addEventListener", (type: string, listener: (event: Event) => void) => {
  listeners.set(type, [...(listeners.get(type) ?? []), listener]);
});
vi.stubGlobal("dispatchEvent", (event: Event) => {
  for (const listener of listeners.get(event.type) ?? []) listener(event);
});
