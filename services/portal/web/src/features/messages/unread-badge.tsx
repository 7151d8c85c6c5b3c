// The number of unread messages.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import { messages } from "../../messages";

export function UnreadBadge({ count }: { count: number }): JSX.Element | null {
  return count > 0 ? <Badge tone="wait">{messages.conversations.unread(count)}</Badge> : null;
}
