// The person's notifications. On pages, notifications are called messages.
import { Inbox } from "lucide";
import type { JSX } from "preact";
import { inbox } from "../../api/client";
import { useAction } from "../../api/use-action";
import { usePagedQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { EmptyState } from "../../components/empty-state";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import {
  type ListNotificationsResponse,
  type Notification,
  Topic,
} from "../../gen/proctorium/notification/v1/notifications_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { hasRole, Role } from "../account/current-user";
import { unreadCount } from "./unread-count";

const text = messages.notifications;

function Where({ notification }: { notification: Notification }): JSX.Element | null {
  switch (notification.topic) {
    case Topic.RESULT_RELEASED:
    case Topic.CERTIFICATE_ISSUED:
      return <Link to="/results">{text.toResults}</Link>;
    case Topic.SESSION_SCHEDULED:
      return <Link to={`/supervise/${notification.sessionId}`}>{text.toSession}</Link>;
    case Topic.SESSION_UNCOVERED:
      return <Link to="/supervise">{messages.coverage.alarmTitle}</Link>;
    case Topic.SESSION_TAKEN:
    case Topic.SESSION_HANDED_OVER:
      return <Link to={`/supervise/${notification.sessionId}`}>{text.toSession}</Link>;
    case Topic.CODE_ISSUED:
    case Topic.CODE_REPLACED:
      return <Link to="/join">{text.enterCode}</Link>;
    default: {
      // Proctors are notified of the sessions that they supervise. Learners are notified of the sessions in which they
      // take part.
      const room = hasRole(Role.LEARNER) ? "sessions" : "supervise";
      return notification.sessionId ? <Link to={`/${room}/${notification.sessionId}`}>{text.toSession}</Link> : null;
    }
  }
}

const PAGE_SIZE = 50;

export function NotificationsPage(): JSX.Element {
  const { items, problem, hasMore, loadMore, reload } = usePagedQuery(inboxPage, ({ notifications }) => notifications);
  const mark = useAction();
  const readAll = (): Promise<void> =>
    mark.run(async () => {
      unreadCount.value = (await inbox.markNotificationsRead({})).unreadCount;
      reload();
    });
  return (
    <>
      <PageTitle>{text.title}</PageTitle>
      <ProblemNote problem={mark.problem} />
      {items === undefined && problem === undefined && <Loading what={text.yourMessages} />}
      {items?.length === 0 && (
        <EmptyState icon={Inbox}>
          <p>{text.none}</p>
        </EmptyState>
      )}
      {items && unreadCount.value > 0 && (
        <button type="button" class="plain" disabled={mark.busy} onClick={() => void readAll()}>
          {text.markAllRead}
        </button>
      )}
      <ul class="cards">
        {items?.map((notification) => (
          <li key={notification.notificationId} class="card">
            <h2 class="question">
              <bdi>{notification.subject}</bdi>{" "}
              {notification.readTime === undefined && <Badge tone="wait">{text.new}</Badge>}
            </h2>
            <p class="quiet">{dateTime(notification.createTime)}</p>
            <p class="text" dir="auto">
              {notification.body}
            </p>
            <Where notification={notification} />
          </li>
        ))}
      </ul>
      <ProblemNote problem={problem} />
      {hasMore && (
        <button type="button" class="plain" onClick={loadMore}>
          {text.showOlder}
        </button>
      )}
    </>
  );
}

async function inboxPage(pageToken: string): Promise<ListNotificationsResponse> {
  const page = await inbox.listNotifications({ pageSize: PAGE_SIZE, pageToken });
  unreadCount.value = page.unreadCount;
  return page;
}
