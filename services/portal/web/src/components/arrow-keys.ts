// The keys that move the focus inside a list, a menu or a row of tabs.

const KEYS = {
  horizontal: { back: "ArrowLeft", forward: "ArrowRight" },
  vertical: { back: "ArrowUp", forward: "ArrowDown" },
} as const;

/**
 * Return the index to which a key moves the focus from `current`; undefined if the key moves no focus. From the last
 * item, the focus moves to the first, and from the first to the last.
 */
export function step(
  { key, ctrlKey, metaKey, altKey }: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">,
  direction: keyof typeof KEYS,
  current: number,
  count: number,
): number | undefined {
  if (count === 0 || ctrlKey || metaKey || altKey) return undefined;
  switch (key) {
    case KEYS[direction].back:
      return current <= 0 ? count - 1 : current - 1;
    case KEYS[direction].forward:
      return current === count - 1 ? 0 : current + 1;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}
