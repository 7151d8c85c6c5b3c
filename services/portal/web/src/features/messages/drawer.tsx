// A panel at the side of the page. The page stays usable beside it.
import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { messages } from "../../messages";

interface DrawerProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A drawer. Its first field takes the focus when it opens, and the Escape key closes it. */
export function Drawer({ title, onClose, children }: DrawerProps): JSX.Element {
  const heading = useId();
  const drawer = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const field = drawer.current?.querySelector<HTMLElement>("textarea");
    (field ?? drawer.current)?.focus();
  }, []);
  return (
    <section
      ref={drawer}
      class="drawer"
      aria-labelledby={heading}
      tabIndex={-1}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <div class="row apart">
        <h2 id={heading} dir="auto">
          {title}
        </h2>
        <button type="button" class="plain" onClick={onClose}>
          {messages.conversations.close}
        </button>
      </div>
      {children}
    </section>
  );
}
