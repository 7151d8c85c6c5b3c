// Random IDs. This module does not use `crypto.randomUUID`, because browsers provide this function only over HTTPS, and
// the pages can also be served over plain HTTP in a local network.

/** Return random bytes as hexadecimal digits. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

/** Return a new UUID of version 4 (RFC 9562, 5.4). */
export function newId(): string {
  const digits = randomHex(16).split("");
  digits[12] = "4";
  digits[16] = (8 + (Number.parseInt(digits[16] ?? "0", 16) % 4)).toString(16);
  return digits.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
