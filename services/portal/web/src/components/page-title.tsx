// The heading of a page. The same text is the title of the document.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The main heading. With `focused`, the heading takes the focus even if the address has not changed. */
export function PageTitle({ focused, children }: { focused?: boolean; children: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${heading.current?.textContent} · Proctorium`;
  });
  useEffect(() => {
    if (focused) heading.current?.focus();
  }, []);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}
