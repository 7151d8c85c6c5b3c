// Keeps pages working while a browser translates them. The browser's translator replaces the text nodes of the document
// with new elements. If a page later changed a text node that was replaced, the change would not be visible. If a page
// inserted a node before such a text node, the insertion would fail. Therefore this module wraps each text in an
// element, and replaces the whole element when the text changes. The translator changes only the content of these
// elements.
import { type ComponentChild, type ComponentChildren, createElement, Fragment, options, type VNode } from "preact";

/** Elements that cannot contain other HTML elements, so their texts are not wrapped. */
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

/**
 * Wrap each sequence of adjacent texts in one element at the position of the first text. The positions of the other
 * texts are filled with null, so that all other children have the same positions as before.
 */
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

/**
 * Wrap a text in an element whose key contains the text. White space is not wrapped, because it needs no translation.
 */
function inElement(text: string, position: number): ComponentChild {
  if (text.trim() === "") return text;
  wrapping = true;
  try {
    return createElement("span", { key: `${position} ${text}` }, text);
  } finally {
    wrapping = false;
  }
}
