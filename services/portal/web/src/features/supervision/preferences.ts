// How the console alerts the person. The choices are stored in this browser.
import { signal } from "@preact/signals";

export interface Preferences {
  /** Whether a sound is played when a new urgent need appears. */
  sound: boolean;
  /** Whether the title of the page shows the number of learners with an urgent need. */
  titleBadge: boolean;
  /** Whether single keys are shortcuts outside of the roster. */
  shortcuts: boolean;
}

const KEY = "proctorium.console";
const DEFAULTS: Preferences = { sound: true, titleBadge: true, shortcuts: true };

/** Return the preferences in a stored text. Missing and invalid values have their defaults. */
export function parsePreferences(stored: string | null): Preferences {
  const found: Record<string, unknown> = parseObject(stored);
  const value = (key: keyof Preferences): boolean => (typeof found[key] === "boolean" ? found[key] : DEFAULTS[key]);
  return { sound: value("sound"), titleBadge: value("titleBadge"), shortcuts: value("shortcuts") };
}

function parseObject(stored: string | null): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(stored ?? "{}");
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

function load(): Preferences {
  try {
    return parsePreferences(localStorage.getItem(KEY));
  } catch {
    return DEFAULTS;
  }
}

export const preferences = signal<Preferences>(load());

export function setPreference(key: keyof Preferences, on: boolean): void {
  preferences.value = { ...preferences.value, [key]: on };
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences.value));
  } catch {
    // The browser forbids storage, so the choice lasts until the page is closed.
  }
}
