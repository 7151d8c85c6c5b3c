// How many messages are unread.
import { signal } from "@preact/signals";
import { inbox } from "../../api/client";

export const unreadCount = signal(0);

/** Load the number of unread messages; a failure is not worth showing. */
export async function loadUnreadCount(): Promise<void> {
  const response = await inbox.listNotifications({ pageSize: 1 }).catch(() => undefined);
  if (response !== undefined) unreadCount.value = response.unreadCount;
}
