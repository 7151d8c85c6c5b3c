// Saving of a file that a call has returned.

/** How long the address of the file stays valid. The browser reads the file some time after the click. */
const VALID_MS = 60_000;

/** Let the browser save a file, as if the person had clicked a download link. */
export function saveFile(content: Uint8Array, mediaType: string, fileName: string): void {
  const address = URL.createObjectURL(new Blob([content as Uint8Array<ArrayBuffer>], { type: mediaType }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), VALID_MS);
}
