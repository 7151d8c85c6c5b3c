// The heading of a page, which is the browser's title too.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The main heading; `focused` where it appears without a change of address. */
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
