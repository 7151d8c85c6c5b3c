// The keyboard shortcuts of the console, and the dialog that lists them.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../../components/dialog";
import { messages } from "../../messages";
import { preferences, setPreference } from "./preferences";

const text = messages.console;

const SHORTCUTS: readonly [keys: readonly string[], does: string][] = [
  [["?"], text.keys.help],
  [["/"], text.keys.search],
  [["↓", "↑", "j", "k"], text.keys.rows],
  [["Enter"], text.keys.open],
  [["x"], text.keys.select],
  [["i"], text.keys.incident],
  [["c"], text.keys.chat],
  [["Esc"], text.keys.close],
];

export function ShortcutsDialog({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title={text.shortcuts} onClose={onClose}>
      <dl class="shortcuts">
        {SHORTCUTS.map(([keys, does]) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key} translate={false}>
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="choice">
        <input
          type="checkbox"
          checked={preferences.value.shortcuts}
          onChange={(event) => setPreference("shortcuts", event.currentTarget.checked)}
        />
        {text.shortcutsOn}
      </label>
      <p class="hint">{text.shortcutsHint}</p>
    </Dialog>
  );
}

/** The ID of the field in which the person searches the roster. */
export const SEARCH_ID = "roster-search";

/** Handle the shortcuts that work on the whole page. */
export function usePageShortcuts(showHelp: () => void): void {
  const latest = useRef(showHelp);
  latest.current = showHelp;
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (!preferences.value.shortcuts || event.ctrlKey || event.metaKey || event.altKey) return;
      if ((event.target as Element).closest("input:not([type=checkbox]), select, textarea, dialog, [popover]")) return;
      if (event.key === "?") latest.current();
      else if (event.key === "/") document.getElementById(SEARCH_ID)?.focus();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}
