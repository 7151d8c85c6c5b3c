// A link to another page of the portal, followed without loading the document again.
import type { ComponentChildren, JSX } from "preact";
import { navigate, path } from "../route";

export function Link(props: { to: string; class?: string; children: ComponentChildren }): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(props.to);
  };
  return (
    <a href={props.to} class={props.class} aria-current={props.to === path.value ? "page" : undefined} onClick={follow}>
      {props.children}
    </a>
  );
}
