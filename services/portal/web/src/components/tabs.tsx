// Tabs: one of several panels is shown. The arrow keys move between the tabs.
import type { ComponentChildren, JSX } from "preact";
import { useId, useRef } from "preact/hooks";
import { step } from "./arrow-keys";

export interface Tab<Id extends string> {
  id: Id;
  label: ComponentChildren;
}

interface TabsProps<Id extends string> {
  label: string;
  tabs: readonly Tab<Id>[];
  shown: Id;
  onShow: (id: Id) => void;
  /** The content of the shown tab. */
  children: ComponentChildren;
}

export function Tabs<Id extends string>({ label, tabs, shown, onShow, children }: TabsProps<Id>): JSX.Element {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent): void => {
    const current = tabs.findIndex((tab) => tab.id === shown);
    const next = tabs[step(event, "horizontal", current, tabs.length) ?? -1];
    if (next === undefined) return;
    event.preventDefault();
    onShow(next.id);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <>
      <div ref={list} class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            data-tab={tab.id}
            aria-selected={tab.id === shown}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === shown ? 0 : -1}
            onClick={() => onShow(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div key={shown} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${shown}`} class="tab-panel">
        {children}
      </div>
    </>
  );
}
