// What the person was told, in the application.
import type { JSX } from "preact";
import { inbox } from "../calls";
import { type ListNotificationsResponse, type Notification, Topic } from "../gen/proctorium/notification/v1/notifications_pb";
import { isA, Role, unread } from "../me";
import { Badge, Busy, Link, ProblemNote, Title, useAction, usePages } from "../parts";
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
  const { items, problem, more, next, again } = usePages(inboxPage, ({ notifications }) => notifications);
  const mark = useAction();
  const readAll = (): Promise<void> =>
    mark.run(async () => {
      unread.value = (await inbox.markNotificationsRead({})).unreadCount;
      again();
    });
  return (
    <>
      <Title>Messages</Title>
      <ProblemNote problem={mark.problem} />
      {items === undefined && problem === undefined && <Busy what="your messages" />}
      {items?.length === 0 && <p>You have no messages yet.</p>}
      {items && unread.value > 0 && (
        <button type="button" class="plain" disabled={mark.busy} onClick={() => void readAll()}>
          Mark all as read
        </button>
      )}
      <ul class="cards">
        {items?.map((notification) => (
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
      <ProblemNote problem={problem} />
      {more && (
        <button type="button" class="plain" onClick={next}>
          Show older messages
        </button>
      )}
    </>
  );
}

async function inboxPage(pageToken: string): Promise<ListNotificationsResponse> {
  const page = await inbox.listNotifications({ pageSize: PAGE_SIZE, pageToken });
  unread.value = page.unreadCount;
  return page;
}
