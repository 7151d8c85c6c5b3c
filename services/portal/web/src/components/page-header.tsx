// The head of a page: its title, and the actions that concern the whole page.
import type { ComponentChildren, JSX } from "preact";
import { PageTitle } from "./page-title";

interface PageHeaderProps {
  title: ComponentChildren;
  /** A sentence about the page. */
  hint?: string;
  /** Buttons and links. */
  children?: ComponentChildren;
}

export function PageHeader({ title, hint, children }: PageHeaderProps): JSX.Element {
  return (
    <>
      <div class="page-header">
        <PageTitle>{title}</PageTitle>
        {children && <div class="row">{children}</div>}
      </div>
      {hint && <p class="quiet">{hint}</p>}
    </>
  );
}
