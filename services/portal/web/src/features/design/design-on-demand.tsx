// The page of the design system, which is for developers. A browser downloads this page only when the page is opened.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

export function DesignOnDemand(): JSX.Element | null {
  const [Page, setPage] = useState<(() => JSX.Element) | undefined>(undefined);
  useEffect(() => {
    void import("./design-page").then(({ DesignPage }) => setPage(() => DesignPage));
  }, []);
  return Page === undefined ? null : <Page />;
}
