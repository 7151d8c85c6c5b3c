// The heading of a page. The same text is the title of the document.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

interface PageTitleProps {
  /** Whether the heading takes the focus even if the address has not changed. */
  focused?: boolean;
  /** The number at the beginning of the document's title; 0 is not shown. */
  badge?: number;
  children: ComponentChildren;
}

/** The main heading. */
export function PageTitle({ focused, badge = 0, children }: PageTitleProps): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${badge > 0 ? `(${badge}) ` : ""}${heading.current?.textContent} · Proctorium`;
  });
  // Move the focus before the page is painted, as `App` does.
  useLayoutEffect(() => {
    if (focused) heading.current?.focus();
  }, []);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}
