// Prepares identity photos for sending. The format of a photo is detected from its content, and the photo is scaled
// down to the size that the service stores.
import { ProblemError } from "../../api/errors";
import { messages } from "../../messages";

/**
 * The longer side in pixels of the images that the service stores (`stored_side`). More pixels would only take longer
 * to send.
 */
const LONGER_SIDE = 2000;
/** A file up to this size is sent unchanged, if its sides are small enough too. */
const SMALL_BYTES = 1024 * 1024;
/** The service's limit. A photo can exceed it only if this browser cannot open the photo and scale it down. */
const MAX_BYTES = 8 * 1024 * 1024;
/** The maximum size of a file that this page opens. */
const MAX_BYTES_TO_OPEN = 100 * 1024 * 1024;
const JPEG_QUALITY = 0.9;

const text = messages.identity;

export type Format = "accepted" | "HEIC" | "unknown";

/** Return the format of a file by its first bytes. */
export function detectFormat(start: Uint8Array): Format {
  const text = String.fromCharCode(...start.subarray(0, 12));
  if (text.startsWith("\xff\xd8\xff") || text.startsWith("\x89PNG\r\n\x1a\n")) return "accepted";
  if (text.startsWith("RIFF") && text.slice(8) === "WEBP") return "accepted";
  if (text.slice(4, 8) === "ftyp" && /^(hei[cxms]|hev[cx]|mif1|msf1)$/.test(text.slice(8))) return "HEIC";
  return "unknown";
}

/** Return the size in pixels to which a photo is scaled. The longer side is at most `LONGER_SIDE`. */
export function fitToLimit(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Return the bytes to send for a chosen photo, upright and scaled down. Throws a ProblemError for an unusable file. */
export async function prepareImage(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size === 0) throw new ProblemError("IMAGE_UNREADABLE", text.emptyFile);
  if (file.size > MAX_BYTES_TO_OPEN) {
    throw new ProblemError("IMAGE_TOO_LARGE", text.hugeFile);
  }
  const format = detectFormat(new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  const bitmap = await decode(file);
  if (bitmap === undefined) {
    if (format === "HEIC") throw new ProblemError("IMAGE_UNREADABLE", text.heic);
    if (format === "unknown") throw new ProblemError("IMAGE_UNREADABLE", text.notAPhoto);
    if (file.size > MAX_BYTES) {
      throw new ProblemError("IMAGE_TOO_LARGE", text.tooLarge);
    }
    return bytes(file);
  }
  try {
    const { width, height } = fitToLimit(bitmap.width, bitmap.height);
    if (format === "accepted" && width === bitmap.width && height === bitmap.height && file.size <= SMALL_BYTES)
      return await bytes(file);
    return await bytes(await toJpeg(bitmap, width, height));
  } finally {
    bitmap.close();
  }
}

async function bytes(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.arrayBuffer());
}

/** Decode a photo and rotate it according to its metadata. Return undefined if this browser cannot open it. */
function decode(file: File): Promise<ImageBitmap | undefined> {
  return createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => undefined);
}

async function toJpeg(bitmap: ImageBitmap, width: number, height: number): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser has no canvas.");
  // JPEG has no transparency, so transparent areas would become black. Make these areas white, as the service does.
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("This browser made no JPEG."))),
      "image/jpeg",
      JPEG_QUALITY,
    );
  });
}
