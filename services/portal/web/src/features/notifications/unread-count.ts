// The number of unread messages.
import { signal } from "@preact/signals";
import { inbox } from "../../api/client";

export const unreadCount = signal(0);

/** Load the number of unread messages. A failure is ignored. */
export async function loadUnreadCount(): Promise<void> {
  const response = await inbox.listNotifications({ pageSize: 1 }).catch(() => undefined);
  if (response !== undefined) unreadCount.value = response.unreadCount;
}
