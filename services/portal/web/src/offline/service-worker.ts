// The service worker. It stores the shell of the pages (the document, the scripts and the styles), so that a learner
// can reload the running attempt without a connection. The document is always requested from the server first. The
// worker returns the stored document only if the server cannot be reached. The worker does not handle calls to the
// services.

/**
 * The paths of the shell's assets, with the catalogues of all languages. `build.mjs` inserts them. A changed build has
 * other paths, and therefore another worker and cache.
 */
declare const ASSETS: readonly string[];

interface ServiceWorker {
  addEventListener(type: "install" | "activate", listener: (event: LifecycleEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchedEvent) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  location: Location;
}
interface LifecycleEvent {
  waitUntil(done: Promise<unknown>): void;
  /** Not available in every browser. */
  addRoutes?: (routes: readonly object[]) => Promise<void>;
}
interface FetchedEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const worker = self as unknown as ServiceWorker;
const DOCUMENT = "/";
const PREFIX = "shell ";
const SHELL = PREFIX + ASSETS.join(" ");

worker.addEventListener("install", (event) => {
  // Calls to the services are POST requests. Send them directly to the network, without starting the worker.
  void event.addRoutes?.([{ condition: { requestMethod: "POST" }, source: "network" }]);
  event.waitUntil(store().then(() => worker.skipWaiting()));
});

async function store(): Promise<void> {
  const shell = await caches.open(SHELL);
  await shell.addAll([new Request(DOCUMENT, { cache: "reload" }), ...ASSETS]);
}

worker.addEventListener("activate", (event) => {
  event.waitUntil(removeOthers().then(() => worker.clients.claim()));
});

async function removeOthers(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== SHELL) await caches.delete(name);
}

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== worker.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => stored(DOCUMENT)));
  else if (ASSETS.includes(pathname)) event.respondWith(stored(pathname).catch(() => fetch(request)));
});

async function stored(path: string): Promise<Response> {
  const found = await (await caches.open(SHELL)).match(path);
  if (found === undefined) throw new TypeError(`${path} is not stored`);
  return found;
}
