// What the person was told, in the application.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { inbox } from "../calls";
import { type Notification, Topic } from "../gen/proctorium/notification/v1/notifications_pb";
import { isA, Role, unread } from "../me";
import { Badge, Busy, Link, ProblemNote, Title, useAction, useLoaded } from "../parts";
import { dateTime } from "../words";

function Where({ notification }: { notification: Notification }): JSX.Element | null {
  switch (notification.topic) {
    case Topic.RESULT_RELEASED:
    case Topic.CERTIFICATE_ISSUED:
      return <Link to="/results">Go to your results</Link>;
    case Topic.SESSION_SCHEDULED:
      return <Link to={`/supervise/${notification.sessionId}`}>Go to the session</Link>;
    case Topic.CODE_ISSUED:
      return <Link to="/join">Enter Enrollment Code</Link>;
    default: {
      // Staff are told of sessions that they supervise, learners of those that they take part in.
      const room = isA(Role.LEARNER) ? "sessions" : "supervise";
      return notification.sessionId ? <Link to={`/${room}/${notification.sessionId}`}>Go to the session</Link> : null;
    }
  }
}

const PAGE_SIZE = 50;

export function NotificationsPage(): JSX.Element {
  const [pages, setPages] = useState(1);
  const { loaded, problem, again } = useLoaded(`inbox/${pages}`, () => newest(pages));
  const mark = useAction();
  const readAll = (): Promise<void> =>
    mark.run(async () => {
      unread.value = (await inbox.markNotificationsRead({})).unreadCount;
      again();
    });
  return (
    <>
      <Title>Messages</Title>
      <ProblemNote problem={problem ?? mark.problem} />
      {loaded === undefined && problem === undefined && <Busy what="your messages" />}
      {loaded?.notifications.length === 0 && <p>You have no messages yet.</p>}
      {(loaded?.unreadCount ?? 0) > 0 && (
        <button type="button" class="plain" disabled={mark.busy} onClick={() => void readAll()}>
          Mark all as read
        </button>
      )}
      <ul class="cards">
        {loaded?.notifications.map((notification) => (
          <li key={notification.notificationId} class="card">
            <h2 class="question">
              {notification.subject} {notification.readTime === undefined && <Badge tone="wait">New</Badge>}
            </h2>
            <p class="quiet">{dateTime(notification.createTime)}</p>
            <p class="text">{notification.body}</p>
            <Where notification={notification} />
          </li>
        ))}
      </ul>
      {loaded?.more && (
        <button type="button" class="plain" onClick={() => setPages(pages + 1)}>
          Show older messages
        </button>
      )}
    </>
  );
}

interface Newest {
  notifications: Notification[];
  unreadCount: number;
  more: boolean;
}

async function newest(pages: number): Promise<Newest> {
  const notifications: Notification[] = [];
  let [pageToken, unreadCount] = ["", 0];
  for (let page = 0; page < pages && (page === 0 || pageToken !== ""); page += 1) {
    const answer = await inbox.listNotifications({ pageSize: PAGE_SIZE, pageToken });
    notifications.push(...answer.notifications);
    [pageToken, unreadCount] = [answer.nextPageToken, answer.unreadCount];
  }
  return { notifications, unreadCount, more: pageToken !== "" };
}
