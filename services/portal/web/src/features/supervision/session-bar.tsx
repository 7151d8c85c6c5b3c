// The bar above the console: the session, its clock, and the actions for everybody.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Problem } from "../../api/errors";
import { Badge } from "../../components/badge";
import { Menu } from "../../components/menu";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { useNow } from "../../components/use-now";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { expectedEnd } from "../closing/end-times";
import { EndWarnings } from "../closing/end-warnings";
import { SessionEnd } from "../closing/session-end";
import { isRunning } from "../sessions/running";
import { SessionBadge } from "../sessions/session-badge";
import { isOver } from "../sessions/sessions";
import { urgentNeeds, useAlertSound } from "./alerts";
import { preferences, setPreference } from "./preferences";
import { SessionActions } from "./session-actions";
import { ShortcutsDialog, usePageShortcuts } from "./shortcuts";

const text = messages.console;

interface SessionBarProps {
  session: Session;
  participants: readonly Participant[];
  connected: boolean;
  problem: Problem | undefined;
}

export function SessionBar({ session, participants, connected, problem }: SessionBarProps): JSX.Element {
  const urgent = isOver(session) ? [] : urgentNeeds(participants);
  const urgentLearners = new Set(urgent.map((key) => key.split(" ")[0])).size;
  useAlertSound(urgent);
  return (
    <section class="card session-bar" aria-label={text.bar}>
      <div class="row">
        <PageTitle badge={preferences.value.titleBadge ? urgentLearners : 0}>
          <bdi>{session.plan?.title}</bdi>
        </PageTitle>
        <p class="row title" role="status">
          <SessionBadge session={session} />
          {!connected && problem === undefined && <Badge tone="bad">{messages.common.connectionLost}</Badge>}
        </p>
        <Options />
      </div>
      <Clock session={session} />
      <ProblemNote problem={problem} />
      <EndWarnings session={session} />
      <SessionActions session={session} participants={participants} />
    </section>
  );
}

/** The start, the expected end, and the time until then. */
function Clock({ session }: { session: Session }): JSX.Element {
  const now = useNow();
  const { plan, actualStartTime, endTime } = session;
  if (endTime) return <p class="row quiet">{text.ended(dateTime(endTime))}</p>;
  const end = expectedEnd(session);
  const left = end === undefined ? 0 : (end - now) / 1000;
  return (
    <p class="row">
      <span class="quiet">
        {actualStartTime ? text.started(dateTime(actualStartTime)) : text.starts(dateTime(plan?.startTime))}
      </span>
      <SessionEnd session={session} />
      {end !== undefined && isRunning(session) && (
        <strong class={left < 0 ? "clock late" : "clock"}>{left < 0 ? text.overdue(-left) : text.left(left)}</strong>
      )}
    </p>
  );
}

function Options(): JSX.Element {
  const [help, setHelp] = useState(false);
  usePageShortcuts(() => setHelp(true));
  const { sound, titleBadge } = preferences.value;
  return (
    <>
      <Menu
        label={text.options}
        items={[
          { label: text.sound, checked: sound, onChoose: () => setPreference("sound", !sound) },
          { label: text.titleBadge, checked: titleBadge, onChoose: () => setPreference("titleBadge", !titleBadge) },
          { label: text.shortcuts, onChoose: () => setHelp(true) },
        ]}
      />
      {help && <ShortcutsDialog onClose={() => setHelp(false)} />}
    </>
  );
}
