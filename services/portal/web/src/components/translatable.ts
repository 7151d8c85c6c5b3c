// Lets browsers translate the pages while they change. A translator takes text nodes out of the document and puts elements of its own in
// their place, so a later change of such a node would change nothing that anybody sees, and a node could not be put in before it. Here each
// text gets an element of its own, and another one when it changes: the translator works inside of them.
import { type ComponentChild, type ComponentChildren, createElement, Fragment, options, type VNode } from "preact";

/** Elements that hold text and nothing else. */
const TEXT_ONLY = new Set(["option", "script", "style", "text", "textarea", "title", "tspan"]);

const before = options.vnode;
let wrapping = false;

options.vnode = (vnode) => {
  const { children } = vnode.props;
  if (!wrapping && children !== undefined && holdsText(vnode))
    vnode.props = { ...vnode.props, children: withTextInElements(children) };
  before?.(vnode);
};

function holdsText({ type }: VNode): boolean {
  return type === Fragment || (typeof type === "string" && !TEXT_ONLY.has(type));
}

/** Replace each run of texts by one element that holds it, at the position of its first text; the other positions stay the same. */
export function withTextInElements(children: ComponentChildren): ComponentChildren {
  if (isText(children)) return inElement(String(children), 0);
  if (!Array.isArray(children)) return children;
  const wrapped: ComponentChildren[] = [];
  for (let first = 0; first < children.length; first += 1) {
    let text = "";
    let next = first;
    for (; next < children.length && isText(children[next]); next += 1) text += String(children[next]);
    if (next === first) {
      wrapped.push(Array.isArray(children[first]) ? withTextInElements(children[first]) : children[first]);
      continue;
    }
    wrapped.push(inElement(text, first), ...Array<null>(next - first - 1).fill(null));
    first = next - 1;
  }
  return wrapped as ComponentChild[];
}

function isText(child: unknown): child is string | number | bigint {
  return typeof child === "string" || typeof child === "number" || typeof child === "bigint";
}

/** Wrap a text in an element whose key changes with the text. White space alone has nothing to translate. */
function inElement(text: string, position: number): ComponentChild {
  if (text.trim() === "") return text;
  wrapping = true;
  try {
    return createElement("span", { key: `${position} ${text}` }, text);
  } finally {
    wrapping = false;
  }
}
