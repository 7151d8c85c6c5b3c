// The panel of one learner: what is known about the learner, the actions, the chat and the timeline.
import { X } from "lucide";
import type { JSX, RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../../components/icon";
import { Tabs } from "../../components/tabs";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { LearnerBreak } from "../breaks/break-queue";
import { HandActions } from "../hands/hand-actions";
import type { Incidents } from "../incidents/use-incidents";
import { acceptsMessages } from "../messages/conversation";
import { LearnerChat } from "../messages/staff-messages";
import { UnreadBadge } from "../messages/unread-badge";
import { isRunning } from "../sessions/running";
import { useFocusFallback } from "./focus-fallback";
import { LearnerOverview } from "./learner-overview";
import { Connection, ProctorNote, stateText } from "./participant-facts";
import type { RosterEntry } from "./roster-entry";
import { Timeline } from "./timeline";
import type { Console, PanelTab } from "./use-console";

const text = messages.console.panel;

export interface LearnerPanelProps {
  session: Session;
  entry: RosterEntry;
  console: Console;
  live: readonly Message[];
  incidents: Incidents;
  /** Whether the person can act in the session, or read what happened in it. */
  may: boolean;
}

export function LearnerPanel(props: LearnerPanelProps): JSX.Element {
  const { session, entry, console, may } = props;
  const { participant, name, note } = entry;
  const panel = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useFocusFallback(panel, heading);
  useLayoutEffect(() => {
    if (!panel.current?.contains(document.activeElement)) heading.current?.focus();
  }, [entry.personId]);
  const close = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || (event.target as Element).closest("dialog, [popover]")) return;
    console.close();
  };
  return (
    <section ref={panel} class="card panel" aria-label={name} onKeyDown={close}>
      <div class="row apart">
        <h2 ref={heading} tabIndex={-1} dir="auto">
          {name}
        </h2>
        <button type="button" class="plain icon-only" onClick={console.close}>
          <Icon of={X} />
          <span class="visually-hidden">{text.close}</span>
        </button>
      </div>
      <div class="row">
        <strong>{stateText(session, participant)}</strong>
        {participant && <Connection participant={participant} />}
      </div>
      <ProctorNote note={note} />
      {participant === undefined ? <p class="quiet">{text.absent}</p> : may && <Raised {...props} />}
      {participant && may && isRunning(session) && <LearnerBreak participant={participant} name={name} />}
      {participant && <PanelTabs {...props} />}
    </section>
  );
}

function Raised({ session, entry: { participant, name }, console }: LearnerPanelProps): JSX.Element | null {
  if (participant?.hand === undefined || !acceptsMessages(session)) return null;
  return <HandActions hand={participant.hand} name={name} onAnswered={() => console.showTab("chat")} />;
}

function PanelTabs(props: LearnerPanelProps): JSX.Element {
  const { entry, console, may } = props;
  const content = useRef<HTMLDivElement>(null);
  const tabs: { id: PanelTab; label: JSX.Element }[] = [
    { id: "overview", label: <>{text.overview}</> },
    {
      id: "chat",
      label: (
        <>
          {messages.conversations.open}{" "}
          <UnreadBadge count={entry.participant?.conversation?.proctorsUnreadCount ?? 0} />
        </>
      ),
    },
    { id: "timeline", label: <>{text.timeline}</> },
  ];
  const shown = may ? console.tab : "overview";
  return (
    <div ref={content}>
      <Tabs label={text.tabs(entry.name)} tabs={may ? tabs : tabs.slice(0, 1)} shown={shown} onShow={console.showTab}>
        {shown === "overview" && <LearnerOverview {...props} />}
        {shown === "chat" && <ChatTab {...props} content={content} />}
        {shown === "timeline" && <TimelineTab {...props} />}
      </Tabs>
    </div>
  );
}

/**
 * The chat. Its field receives the focus, unless a tab has the focus. The focus is moved in a layout effect, because
 * layout effects run before the effect of the panel, which moves the focus only if it is outside of the panel.
 */
function ChatTab({
  session,
  entry: { personId, participant, name },
  console,
  live,
  content,
}: LearnerPanelProps & { content: RefObject<HTMLElement | null> }): JSX.Element | null {
  useLayoutEffect(() => {
    if (document.activeElement?.getAttribute("role") === "tab") return;
    content.current?.querySelector("textarea")?.focus();
  }, [participant?.participantId]);
  if (participant === undefined) return null;
  return (
    <LearnerChat
      key={participant.participantId}
      session={session}
      participant={participant}
      name={name}
      live={live}
      draft={console.draftFor(personId)}
    />
  );
}

function TimelineTab({ session, entry: { participant } }: LearnerPanelProps): JSX.Element | null {
  if (participant === undefined) return null;
  return <Timeline key={participant.participantId} sessionId={session.sessionId} participant={participant} />;
}
