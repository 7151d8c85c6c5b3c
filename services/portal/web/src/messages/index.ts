// The texts of the pages, in the language of the pages. Only the catalogue of this language is loaded.
import type { Messages } from "./catalogue";
import { type Language, language } from "./language";

const load: Readonly<Record<Language, () => Promise<Messages>>> = {
  en: async () => (await import("./en")).en,
  de: async () => (await import("./de")).de,
};

/** The catalogue. Modules that import it run after it was loaded, so they can use its texts at any time. */
export const messages: Messages = await load[language]();
