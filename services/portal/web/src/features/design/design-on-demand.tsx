// The page of the design system, which is for developers: only browsers that open it download it.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

export function DesignOnDemand(): JSX.Element | null {
  const [Page, setPage] = useState<(() => JSX.Element) | undefined>(undefined);
  useEffect(() => {
    void import("./design-page").then(({ DesignPage }) => setPage(() => DesignPage));
  }, []);
  return Page === undefined ? null : <Page />;
}
