import { describe, expect, test } from "vitest";
import { detectFormat, fitToLimit } from "./image";

function start(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

describe("recognising the format of a file by its content", () => {
  test.each([
    ["\xff\xd8\xff\xe0\0\x10JFIF\0\x01", "accepted"],
    ["\x89PNG\r\n\x1a\n\0\0\0\r", "accepted"],
    ["RIFF\x10\0\0\0WEBP", "accepted"],
    ["RIFF\x10\0\0\0WAVE", "unknown"],
    ["\0\0\0\x24ftypheic", "HEIC"],
    ["\0\0\0\x24ftypmif1", "HEIC"],
    ["\0\0\0\x20ftypavif", "unknown"],
    ["%PDF-1.7\n%\xe2", "unknown"],
    ["", "unknown"],
  ])("a file that starts with %j is recognised as %s", (text, format) => {
    expect(detectFormat(start(text))).toBe(format);
  });
});

describe("the size in which an image is sent", () => {
  test("keeps its shape and is never made larger", () => {
    expect(fitToLimit(4000, 3000)).toEqual({ width: 2000, height: 1500 });
    expect(fitToLimit(3000, 4000)).toEqual({ width: 1500, height: 2000 });
    expect(fitToLimit(640, 480)).toEqual({ width: 640, height: 480 });
    expect(fitToLimit(10_000, 1)).toEqual({ width: 2000, height: 1 });
  });
});
