// The header, the main area and the footer of all pages, and the page for each address.
import {
  Award,
  BookOpen,
  CalendarClock,
  CircleUserRound,
  type IconNode,
  Inbox,
  KeyRound,
  Library,
  Users,
} from "lucide";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import type { Problem } from "./api/errors";
import { organisationDetails } from "./api/organisation";
import { HelpContact } from "./components/help-contact";
import { Icon } from "./components/icon";
import { Link } from "./components/link";
import { Loading } from "./components/loading";
import { Mark } from "./components/mark";
import { PageTitle } from "./components/page-title";
import { ProblemNote } from "./components/problem-note";
import { AccountPage } from "./features/account/account-page";
import { hasRole, isServerSilent, me, Role } from "./features/account/current-user";
import { LanguageSwitch } from "./features/account/language-switch";
import { SignInPage } from "./features/account/sign-in-page";
import { SignOut } from "./features/account/sign-out";
import { CoursePage } from "./features/courses/course-page";
import { CoursesPage } from "./features/courses/courses-page";
import { ManagedCoursePage } from "./features/courses/managed-course-page";
import { ManagedCoursesPage } from "./features/courses/managed-courses-page";
import { DesignOnDemand } from "./features/design/design-on-demand";
import { sendPendingChanges } from "./features/exam/answer-savers";
import { ExamPage } from "./features/exam/exam-page";
import { JoinPage } from "./features/lobby/join-page";
import { SessionPage } from "./features/lobby/session-page";
import { NotificationsPage } from "./features/notifications/notifications-page";
import { loadUnreadCount, unreadCount } from "./features/notifications/unread-count";
import { PeoplePage } from "./features/people/people-page";
import { OwnRecordPage } from "./features/record/own-record-page";
import { ReportPage } from "./features/report/report-page";
import { CertificatePage } from "./features/results/certificate-page";
import { ResultPage, ResultsPage } from "./features/results/results-page";
import { AccessLogPage } from "./features/sessions/access-log-page";
import { SchedulePage } from "./features/sessions/schedule-page";
import { SessionsPage } from "./features/sessions/sessions-page";
import { SupervisionPage } from "./features/supervision/supervision-page";
import { messages } from "./messages";
import { hasPending } from "./offline/answer-journal";
import { match, path } from "./route";

const text = messages.common;

type Page = (parts: Record<string, string>) => JSX.Element;

const PUBLIC: readonly [string, Page][] = [
  ["/certificates/:id", ({ id }) => <CertificatePage certificateId={id ?? ""} />],
  ["/design", () => <DesignOnDemand />],
];

const SIGNED_IN: readonly [string, Page][] = [
  ["/", () => (hasRole(Role.LEARNER) ? <CoursesPage /> : <SessionsPage />)],
  ["/courses", () => <CoursesPage />],
  ["/courses/:id", ({ id }) => <CoursePage courseId={id ?? ""} />],
  ["/join", () => <JoinPage />],
  ["/sessions/:id", ({ id }) => <SessionPage sessionId={id ?? ""} />],
  ["/sessions/:id/record", ({ id }) => <OwnRecordPage sessionId={id ?? ""} />],
  ["/sessions/:id/report", ({ id }) => forStaff(<ReportPage sessionId={id ?? ""} />)],
  ["/attempts/:id", ({ id }) => <ExamPage attemptId={id ?? ""} />],
  ["/results", () => <ResultsPage />],
  ["/results/:id", ({ id }) => <ResultPage attemptId={id ?? ""} />],
  ["/account", () => <AccountPage />],
  ["/notifications", () => <NotificationsPage />],
  ["/supervise", () => forStaff(<SessionsPage />)],
  ["/schedule", () => forAdministrators(<SchedulePage />)],
  ["/people", () => forAdministrators(<PeoplePage />)],
  ["/managed-courses", () => forAdministrators(<ManagedCoursesPage />)],
  ["/managed-courses/:id", ({ id }) => forAdministrators(<ManagedCoursePage courseId={id ?? ""} />)],
  ["/supervise/:id/accesses", ({ id }) => forAdministrators(<AccessLogPage sessionId={id ?? ""} />)],
  ["/supervise/:id", ({ id }) => forStaff(<SupervisionPage sessionId={id ?? ""} />)],
];

export function App(): JSX.Element {
  const address = path.value;
  // Move the focus before the page is painted. A later move would take it from a field in which somebody already types.
  useLayoutEffect(() => {
    document.querySelector<HTMLElement>("main h1")?.focus();
  }, [address, me.value?.personId]);
  useEffect(() => {
    if (me.value && hasRole(Role.LEARNER)) sendPendingChanges(me.value.personId);
  }, [me.value?.personId]);
  return (
    <div class={me.value && supervises() ? "shell staff" : "shell"}>
      <a class="skip" href="#main">
        {text.skipToContent}
      </a>
      <Header />
      <main id="main" tabIndex={-1} class={match("/supervise/:id", address) ? "full" : ""}>
        {page(address)}
      </main>
      <Footer />
    </div>
  );
}

function page(address: string): JSX.Element {
  const open = find(PUBLIC, address);
  if (open !== undefined) return open;
  if (me.value === undefined)
    return isServerSilent.value ? <ProblemNote problem={serverSilent()} /> : <Loading what={text.yourAccount} />;
  if (me.value === null) return <SignInPage />;
  return find(SIGNED_IN, address) ?? <NotFound />;
}

/**
 * Return the problem that is shown while the server does not respond. If this browser stores pending answers, the
 * problem mentions them.
 */
function serverSilent(): Problem {
  const consequence = hasPending() ? text.answersAreStored : text.nothingIsLost;
  return {
    reason: "OFFLINE",
    sentence: `${text.unreachable} ${text.retriesAutomatically} ${consequence}`,
  };
}

function find(pages: readonly [string, Page][], address: string): JSX.Element | undefined {
  for (const [pattern, show] of pages) {
    const parts = match(pattern, address);
    if (parts !== undefined) return show(parts);
  }
  return undefined;
}

/** Return whether the person supervises sessions: administrators see all sessions, proctors their own. */
function supervises(): boolean {
  return hasRole(Role.PROCTOR) || hasRole(Role.ADMINISTRATOR);
}

/** Show a page to administrators only. Other people would see forms whose requests the services refuse. */
function forAdministrators(shown: JSX.Element): JSX.Element {
  return hasRole(Role.ADMINISTRATOR) ? shown : <Forbidden sentence={text.forbidden.administrators} />;
}

function forStaff(shown: JSX.Element): JSX.Element {
  return supervises() ? shown : <Forbidden sentence={text.forbidden.staff} />;
}

function Forbidden({ sentence }: { sentence: string }): JSX.Element {
  return (
    <>
      <PageTitle>{text.forbiddenTitle}</PageTitle>
      <p>
        {sentence} <Link to="/">{text.toStartPage}</Link>
      </p>
    </>
  );
}

function NotFound(): JSX.Element {
  return (
    <>
      <PageTitle>{text.notFoundTitle}</PageTitle>
      <p>
        <Link to="/">{text.toStartPage}</Link>
      </p>
    </>
  );
}

function Header(): JSX.Element {
  const person = me.value;
  const address = path.value;
  useEffect(() => {
    if (person) void loadUnreadCount();
  }, [person, address]);
  return (
    <header class="top">
      <Link to="/" class="brand">
        <Mark />
        <span translate={false}>Proctorium</span>
      </Link>
      {person && (
        <>
          <nav aria-label={text.mainNavigation}>
            {hasRole(Role.LEARNER) && <NavigationLink to="/courses" icon={BookOpen} text={text.courses} />}
            {hasRole(Role.LEARNER) && <NavigationLink to="/join" icon={KeyRound} text={text.enterCode} />}
            {hasRole(Role.LEARNER) && <NavigationLink to="/results" icon={Award} text={text.results} />}
            {supervises() && <NavigationLink to="/supervise" icon={CalendarClock} text={text.sessions} />}
            {hasRole(Role.ADMINISTRATOR) && <NavigationLink to="/people" icon={Users} text={text.people} />}
            {hasRole(Role.ADMINISTRATOR) && (
              <NavigationLink
                to="/managed-courses"
                icon={Library}
                text={hasRole(Role.LEARNER) ? text.allCourses : text.courses}
              />
            )}
            <NavigationLink to="/notifications" icon={Inbox} text={text.messages(unreadCount.value)} />
          </nav>
          <span class="who">
            <Link to="/account">
              <Icon of={CircleUserRound} />
              <bdi>{person.preferredName || person.legalName}</bdi>
            </Link>
            <SignOut person={person} />
          </span>
        </>
      )}
    </header>
  );
}

function NavigationLink({ to, icon, text: label }: { to: string; icon: IconNode; text: string }): JSX.Element {
  return (
    <Link to={to} section>
      <Icon of={icon} />
      {label}
    </Link>
  );
}

function Footer(): JSX.Element {
  const contact = organisationDetails.value;
  return (
    <footer class="quiet row apart">
      {contact?.administratorContact && (
        <div>
          <bdi>{contact.name}</bdi>
          <HelpContact />
        </div>
      )}
      <LanguageSwitch />
    </footer>
  );
}
