// What an empty list shows: why it is empty, and what the person can do about it.
import type { IconNode } from "lucide";
import type { ComponentChildren, JSX } from "preact";
import { Icon } from "./icon";

export function EmptyState({ icon, children }: { icon: IconNode; children: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <Icon of={icon} />
      {children}
    </div>
  );
}
