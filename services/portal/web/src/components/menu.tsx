// A menu of actions that a button opens. The native popover closes on Escape and on a click elsewhere.
import { ChevronDown, type IconNode, Square, SquareCheck } from "lucide";
import type { JSX } from "preact";
import { useId, useRef } from "preact/hooks";
import { step } from "./arrow-keys";
import { Icon } from "./icon";

export interface MenuItem {
  label: string;
  icon?: IconNode;
  /** Whether the item is an option that can be on or off; undefined for an action. */
  checked?: boolean;
  onChoose: () => void;
}

interface MenuProps {
  label: string;
  icon?: IconNode;
  items: readonly MenuItem[];
}

const GAP_PX = 4;

export function Menu({ label, icon = ChevronDown, items }: MenuProps): JSX.Element {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const focusItem = (index: number): void => menu.current?.querySelectorAll("button")[index]?.focus();
  const onToggle = ({ newState }: { newState: string }): void => {
    if (newState !== "open") return;
    if (button.current && menu.current) place(button.current, menu.current);
    focusItem(0);
  };
  const move = (event: KeyboardEvent): void => {
    const buttons = [...(menu.current?.querySelectorAll("button") ?? [])];
    const next = step(event, "vertical", buttons.indexOf(document.activeElement as HTMLButtonElement), buttons.length);
    if (event.key === "Tab") menu.current?.hidePopover();
    if (next === undefined) return;
    event.preventDefault();
    focusItem(next);
  };
  const choose = (item: MenuItem): void => {
    menu.current?.hidePopover();
    item.onChoose();
  };
  return (
    <>
      <button ref={button} type="button" class="plain" popovertarget={id} aria-haspopup="menu">
        {label}
        <Icon of={icon} />
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        role="menu"
        class="menu"
        aria-label={label}
        tabIndex={-1}
        onToggle={onToggle}
        onKeyDown={move}
      >
        {items.map((item) => (
          <Item key={item.label} item={item} onChoose={() => choose(item)} />
        ))}
      </div>
    </>
  );
}

function Item({ item, onChoose }: { item: MenuItem; onChoose: () => void }): JSX.Element {
  const { label, icon, checked } = item;
  if (checked === undefined) {
    return (
      <button type="button" role="menuitem" tabIndex={-1} onClick={onChoose}>
        {icon && <Icon of={icon} />}
        {label}
      </button>
    );
  }
  return (
    <button type="button" role="menuitemcheckbox" aria-checked={checked} tabIndex={-1} onClick={onChoose}>
      <Icon of={checked ? SquareCheck : Square} />
      {label}
    </button>
  );
}

/** Put the menu below its button, or above it if there is no room below. Keep the menu inside the window. */
function place(button: HTMLElement, menu: HTMLElement): void {
  const box = button.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - menu.offsetWidth - GAP_PX);
  const below = box.bottom + GAP_PX;
  const fits = below + menu.offsetHeight <= innerHeight;
  menu.style.left = `${Math.max(GAP_PX, left)}px`;
  menu.style.top = `${fits ? below : Math.max(GAP_PX, box.top - GAP_PX - menu.offsetHeight)}px`;
}
