// What the person was told, in the application.
import type { JSX } from "preact";
import { inbox } from "../calls";
import { type Notification, Topic } from "../gen/proctorium/notification/v1/notifications_pb";
import { Badge, Busy, dateTime, Link, ProblemNote, useAction, useLoaded } from "../parts";

function Where({ notification }: { notification: Notification }): JSX.Element | null {
  switch (notification.topic) {
    case Topic.RESULT_RELEASED:
    case Topic.CERTIFICATE_ISSUED:
      return <Link to="/results">Go to your results</Link>;
    case Topic.SESSION_SCHEDULED:
      return <Link to={`/supervise/${notification.sessionId}`}>Go to the session</Link>;
    case Topic.CODE_ISSUED:
      return <Link to="/join">Enter Enrollment Code</Link>;
    default:
      return notification.sessionId ? <Link to={`/sessions/${notification.sessionId}`}>Go to the session</Link> : null;
  }
}

export function NotificationsPage(): JSX.Element {
  const { loaded, problem, again } = useLoaded("inbox", () => inbox.listNotifications({}));
  const mark = useAction();
  const readAll = (): Promise<void> =>
    mark.run(async () => {
      await inbox.markNotificationsRead({});
      again();
    });
  return (
    <>
      <h1 tabIndex={-1}>Messages</h1>
      <ProblemNote problem={problem ?? mark.problem} />
      {loaded === undefined && problem === undefined && <Busy what="your messages" />}
      {loaded?.notifications.length === 0 && <p>Nothing yet.</p>}
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
    </>
  );
}
