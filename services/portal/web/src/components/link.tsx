// A link to another page of the portal, followed without loading the document again.
import type { ComponentChildren, JSX } from "preact";
import { navigate, path } from "../route";

interface LinkProps {
  to: string;
  class?: string;
  /** Whether the link leads to a section, so that it is marked on the pages below its address too. */
  section?: boolean;
  children: ComponentChildren;
}

export function Link(props: LinkProps): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(props.to);
  };
  return (
    <a href={props.to} class={props.class} aria-current={current(props)} onClick={follow}>
      {props.children}
    </a>
  );
}

function current({ to, section }: LinkProps): "page" | "true" | undefined {
  if (to === path.value) return "page";
  return section && path.value.startsWith(`${to}/`) ? "true" : undefined;
}
