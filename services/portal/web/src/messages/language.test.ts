import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MemoryStorage } from "../testing/memory-storage";

let storage: MemoryStorage;

beforeEach(() => {
  storage = new MemoryStorage();
  vi.stubGlobal("localStorage", storage);
});

afterEach(() => vi.unstubAllGlobals());

/** Load the module as a page does that is opened in a browser with these languages. */
async function open(...languages: string[]): Promise<typeof import("./language")> {
  vi.resetModules();
  vi.stubGlobal("navigator", { languages });
  return await import("./language");
}

test.each([
  [["de-AT", "en"], "de", "de-AT"],
  [["fr", "de"], "de", "de"],
  [["en-US", "de"], "en", "en-US"],
  [["den", "fr"], "en", "en-GB"],
  [[], "en", "en-GB"],
])("a browser with the languages %j shows %s, as in %s", async (languages, language, locale) => {
  const page = await open(...languages);
  expect([page.language, page.LOCALE]).toEqual([language, locale]);
});

test("the person's language is stored, and the next page is in it", async () => {
  expect((await open("en-GB")).adoptLanguage("lena", "de-CH")).toBe(true);
  const next = await open("en-GB");
  expect([next.language, next.LOCALE]).toEqual(["de", "de-DE"]);
  expect(next.adoptLanguage("lena", "de-CH")).toBe(false);
});

test("a language that the pages do not have changes nothing", async () => {
  expect((await open("de")).adoptLanguage("lena", "fr")).toBe(false);
  expect((await open("de")).language).toBe("de");
});

test("a language that a person chose counts more than the language of the account, for this person", async () => {
  expect((await open("en")).chooseLanguage("de", "lena")).toBe(true);
  expect((await open("en")).adoptLanguage("lena", "en")).toBe(false);
  expect((await open("en")).language).toBe("de");
  expect((await open("en")).adoptLanguage("omar", "en")).toBe(true);
  expect((await open("en")).language).toBe("en");
});

test("a language that was chosen before the sign-in is the choice of the person who signs in next", async () => {
  expect((await open("en")).chooseLanguage("de", undefined)).toBe(true);
  expect((await open("en")).adoptLanguage("lena", "en")).toBe(false);
  expect((await open("en")).language).toBe("de");
  expect((await open("en")).adoptLanguage("omar", "en")).toBe(true);
});

test("a browser that stores nothing does not reload the page repeatedly", async () => {
  storage.setItem = () => {
    throw new DOMException("Forbidden", "SecurityError");
  };
  const page = await open("en");
  expect(page.adoptLanguage("lena", "de")).toBe(false);
  expect(page.chooseLanguage("de", "lena")).toBe(false);
});
