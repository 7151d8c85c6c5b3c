// Stores named binary values in the browser's cache storage.
const CACHE = "attempt";

function address(name: string): string {
  return `/stored/${name}`;
}

export async function writeStored(name: string, content: Uint8Array): Promise<void> {
  if (!("caches" in globalThis)) return;
  try {
    await (await caches.open(CACHE)).put(address(name), new Response(content as Uint8Array<ArrayBuffer>));
  } catch {
    // The browser has no space or forbids storage. Nothing is stored, so a reload needs a connection.
  }
}

export async function readStored(name: string): Promise<Uint8Array | undefined> {
  if (!("caches" in globalThis)) return undefined;
  try {
    const found = await (await caches.open(CACHE)).match(address(name));
    return found && new Uint8Array(await found.arrayBuffer());
  } catch {
    return undefined;
  }
}

export async function clearStored(): Promise<void> {
  if ("caches" in globalThis) await caches.delete(CACHE).catch(() => false);
}
