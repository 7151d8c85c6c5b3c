// The language of the pages. It is determined once, when a page is loaded. Therefore the page is reloaded when the
// language changes.

export const LANGUAGES = ["en", "de"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The name of each language in that language. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch" };

/** The variety of each language for readers whose browser names none. */
export const DEFAULT_LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", de: "de-DE" };

const LANGUAGE_KEY = "proctorium.language";
/** The ID of the person who chose the stored language on a page; empty if nobody was signed in. */
const CHOSEN_BY_KEY = "proctorium.language-chosen-by";

/** Return the language of the first BCP 47 tag in `tags` that the pages support; undefined if they support none. */
export function languageOf(tags: readonly (string | null)[]): Language | undefined {
  for (const tag of tags) {
    const primary = tag?.split("-")[0]?.toLowerCase();
    const found = LANGUAGES.find((language) => language === primary);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The language of the pages: the stored one, or else the first language of the browser that the pages support. */
export const language: Language = languageOf([read(LANGUAGE_KEY), ...navigator.languages]) ?? "en";

/** The reader's variety of the language of the pages. */
export const LOCALE = navigator.languages.find((tag) => languageOf([tag]) === language) ?? DEFAULT_LOCALES[language];

/** Store a language that was chosen on a page. Return whether the page must be reloaded to show it. */
export function chooseLanguage(chosen: Language, personId: string | undefined): boolean {
  write(CHOSEN_BY_KEY, personId ?? "");
  return store(chosen);
}

/**
 * Store the language of the person who is signed in: the language that the person chose in this browser, or else the
 * language of the account. Return whether the page must be reloaded to show this language.
 */
export function adoptLanguage(personId: string, locale: string): boolean {
  const chosenBy = read(CHOSEN_BY_KEY);
  // A language was chosen when nobody was signed in. Assume that this person chose it.
  if (chosenBy === "") write(CHOSEN_BY_KEY, personId);
  if (chosenBy === "" || chosenBy === personId) return false;
  remove(CHOSEN_BY_KEY);
  const wanted = languageOf([locale]);
  return wanted !== undefined && store(wanted);
}

/** Store a language. Return whether it is stored and the pages are in another language. */
function store(wanted: Language): boolean {
  write(LANGUAGE_KEY, wanted);
  return wanted !== language && read(LANGUAGE_KEY) === wanted;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // If the browser forbids the storage, each page is in the browser's language.
  }
}

function remove(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // As above.
  }
}
