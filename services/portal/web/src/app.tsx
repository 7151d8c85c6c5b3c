// The frame around every page, and which page an address means.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { sendLeftBehind } from "./features/exam/answers";
import type { Problem } from "./calls";
import { hasPending } from "./features/exam/journal";
import { countUnread, help, isA, me, Role, unanswered, unread } from "./me";
import { AccessesPage } from "./pages/accesses";
import { AccountPage } from "./pages/account";
import { CoursePage } from "./pages/course";
import { CoursesPage } from "./pages/courses";
import { ExamPage } from "./pages/exam";
import { JoinPage } from "./pages/join";
import { ManagedCoursePage, ManagedCoursesPage } from "./pages/managed-courses";
import { NotificationsPage } from "./pages/notifications";
import { PeoplePage } from "./pages/people";
import { ResultPage, ResultsPage } from "./pages/results";
import { SchedulePage } from "./pages/schedule";
import { SessionPage } from "./pages/session";
import { SignInPage } from "./pages/sign-in";
import { SupervisePage } from "./pages/supervise";
import { SupervisedSessionsPage } from "./pages/supervised";
import { VerifyPage } from "./pages/verify";
import { Busy, Help, Link, ProblemNote, Title } from "./parts";
import { match, path } from "./route";
import { SignOut } from "./sign-out";

type Page = (parts: Record<string, string>) => JSX.Element;

const PUBLIC: readonly [string, Page][] = [["/certificates/:id", ({ id }) => <VerifyPage certificateId={id ?? ""} />]];

const SIGNED_IN: readonly [string, Page][] = [
  ["/", () => (isA(Role.LEARNER) ? <CoursesPage /> : <SupervisedSessionsPage />)],
  ["/courses", () => <CoursesPage />],
  ["/courses/:id", ({ id }) => <CoursePage courseId={id ?? ""} />],
  ["/join", () => <JoinPage />],
  ["/sessions/:id", ({ id }) => <SessionPage sessionId={id ?? ""} />],
  ["/attempts/:id", ({ id }) => <ExamPage attemptId={id ?? ""} />],
  ["/results", () => <ResultsPage />],
  ["/results/:id", ({ id }) => <ResultPage attemptId={id ?? ""} />],
  ["/account", () => <AccountPage />],
  ["/notifications", () => <NotificationsPage />],
  ["/supervise", () => forStaff(<SupervisedSessionsPage />)],
  ["/schedule", () => forAdministrators(<SchedulePage />)],
  ["/people", () => forAdministrators(<PeoplePage />)],
  ["/managed-courses", () => forAdministrators(<ManagedCoursesPage />)],
  ["/managed-courses/:id", ({ id }) => forAdministrators(<ManagedCoursePage courseId={id ?? ""} />)],
  ["/supervise/:id/accesses", ({ id }) => forAdministrators(<AccessesPage sessionId={id ?? ""} />)],
  ["/supervise/:id", ({ id }) => forStaff(<SupervisePage sessionId={id ?? ""} />)],
];

export function App(): JSX.Element {
  const address = path.value;
  useEffect(() => {
    document.querySelector<HTMLElement>("main h1")?.focus();
  }, [address, me.value?.personId]);
  useEffect(() => {
    if (me.value && isA(Role.LEARNER)) sendLeftBehind(me.value.personId);
  }, [me.value?.personId]);
  return (
    <>
      <Header />
      <main id="main" tabIndex={-1}>
        {page(address)}
      </main>
      <Footer />
    </>
  );
}

function page(address: string): JSX.Element {
  const open = find(PUBLIC, address);
  if (open !== undefined) return open;
  if (me.value === undefined) return unanswered.value ? <ProblemNote problem={nobodyAnswers()} /> : <Busy what="your account" />;
  if (me.value === null) return <SignInPage />;
  return find(SIGNED_IN, address) ?? <NotFound />;
}

/** Somebody may sit in an examination, whose time goes on: so it says what becomes of their answers. */
function nobodyAnswers(): Problem {
  const answers = hasPending() ? "Your answers are kept on this device and sent when it is back." : "What was saved is not lost.";
  return { reason: "OFFLINE", sentence: `The server cannot be reached just now. This page tries again by itself. ${answers}` };
}

function find(pages: readonly [string, Page][], address: string): JSX.Element | undefined {
  for (const [pattern, show] of pages) {
    const parts = match(pattern, address);
    if (parts !== undefined) return show(parts);
  }
  return undefined;
}

/** Administrators see all sessions, proctors their own. */
function supervises(): boolean {
  return isA(Role.PROCTOR) || isA(Role.ADMINISTRATOR);
}

/** The services refuse others in any case: this spares them forms that would lead nowhere. */
function forAdministrators(shown: JSX.Element): JSX.Element {
  return isA(Role.ADMINISTRATOR) ? shown : <NotForYou whom="administrators" />;
}

function forStaff(shown: JSX.Element): JSX.Element {
  return supervises() ? shown : <NotForYou whom="proctors and administrators" />;
}

function NotForYou({ whom }: { whom: string }): JSX.Element {
  return (
    <>
      <Title>This page is not for you</Title>
      <p>
        It is for {whom}. <Link to="/">Go to the start page</Link>
      </p>
    </>
  );
}

function NotFound(): JSX.Element {
  return (
    <>
      <Title>There is no such page</Title>
      <p>
        <Link to="/">Go to the start page</Link>
      </p>
    </>
  );
}

function Header(): JSX.Element {
  const person = me.value;
  const address = path.value;
  useEffect(() => {
    if (person) void countUnread();
  }, [person, address]);
  return (
    <header class="top">
      <Link to="/" class="brand">
        Proctorium
      </Link>
      {person && (
        <>
          <nav aria-label="Main">
            {isA(Role.LEARNER) && <Link to="/courses">Courses</Link>}
            {isA(Role.LEARNER) && <Link to="/join">Enter Enrollment Code</Link>}
            {isA(Role.LEARNER) && <Link to="/results">Results</Link>}
            {supervises() && <Link to="/supervise">Sessions</Link>}
            {isA(Role.ADMINISTRATOR) && <Link to="/people">People</Link>}
            {isA(Role.ADMINISTRATOR) && <Link to="/managed-courses">{isA(Role.LEARNER) ? "All courses" : "Courses"}</Link>}
            <Link to="/notifications">{unread.value === 0 ? "Messages" : `Messages (${unread.value} new)`}</Link>
          </nav>
          <span class="who">
            <Link to="/account">{person.preferredName || person.legalName}</Link>
            <SignOut person={person} />
          </span>
        </>
      )}
    </header>
  );
}

function Footer(): JSX.Element | null {
  const contact = help.value;
  if (!contact?.administratorContact) return null;
  return (
    <footer class="quiet">
      {contact.name}
      <Help />
    </footer>
  );
}
