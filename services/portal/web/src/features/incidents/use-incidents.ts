// The incidents of the supervision page, and the form with which a person reports or changes an incident.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import { incidents } from "../../api/client";
import { type Problem, toProblem } from "../../api/errors";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { useOnVisible } from "../../components/use-on-visible";
import type { Incident, IncidentCategory } from "../../gen/proctorium/session/v1/incidents_pb";
import { messages } from "../../messages";
import { type Draft, isChanged, listIncidents, newDraft, rebase, type Subject, updateOf } from "./incidents";

const text = messages.incidents;

export interface Incidents {
  /** The incidents of the session, newest first; undefined until they are loaded. */
  list: readonly Incident[] | undefined;
  categories: readonly IncidentCategory[];
  problem: Problem | undefined;
  /** Open the form for a subject, with its draft if there is one. Undefined while incidents cannot be written. */
  write: ((subject: Subject) => void) | undefined;
  hasDraft: (subject: Subject) => boolean;
  /** A sentence with the outcome of the form that was closed last. */
  status: string;
  editor: Editor | undefined;
}

/** The open form. */
export interface Editor {
  dialog: RefObject<HTMLDialogElement | null>;
  /** Distinguishes the forms of different subjects. */
  subjectKey: string;
  /** The key of the form. It changes when the fields must show another draft of the same subject. */
  revision: number;
  draft: Draft;
  busy: boolean;
  problem: Problem | undefined;
  /** Store the entered values as the draft. */
  store: (draft: Draft) => void;
  /** Save the incident with the occurrence time `time`. */
  save: (draft: Draft, time: Timestamp) => void;
  discard: () => void;
  /** Called after the form is closed. A changed draft remains stored. */
  onClose: () => void;
}

/** Load the incidents of a session. `enabled` is false if the person may not read them; then nothing is loaded. */
export function useIncidents(sessionId: string, enabled: boolean): Incidents {
  const key = `${sessionId} ${enabled}`;
  const listed = useQuery(key, async () => (enabled ? await listIncidents(sessionId) : []));
  const known = useQuery(key, async () => (enabled ? (await incidents.listIncidentCategories({})).categories : []));
  const drafts = useRef(new Map<string, Draft>());
  const dialog = useRef<HTMLDialogElement>(null);
  const [opened, setOpened] = useState<{ key: string; revision: number } | undefined>(undefined);
  const [status, setStatus] = useState("");
  const [failed, setFailed] = useState("");
  const latest = useRef(opened);
  latest.current = opened;
  const { busy, problem, run } = useAction();
  useOnVisible(() => enabled && listed.reload());
  const draft = opened && drafts.current.get(opened.key);
  const closeWith = (subject: string, sentence: string): void => {
    drafts.current.delete(subject);
    setStatus(sentence);
    if (latest.current?.key === subject) dialog.current?.close();
  };
  const write = (subject: Subject): void => {
    const subjectKey = keyOf(subject);
    if (!drafts.current.has(subjectKey)) drafts.current.set(subjectKey, newDraft(subject, Date.now()));
    setStatus("");
    setOpened({ key: subjectKey, revision: 0 });
  };
  const save = (written: Draft, time: Timestamp): void => {
    const subject = keyOf(written);
    setFailed(subject);
    void run(
      async (requestId) => {
        const theirs = await saveOrReadCurrent(sessionId, written, time, requestId);
        listed.reload();
        if (theirs === undefined) return closeWith(subject, text.saved);
        drafts.current.set(subject, rebase(written, theirs));
        setOpened((before) => before && { ...before, revision: before.revision + 1 });
      },
      JSON.stringify([subject, written.incident?.etag, written.entries]),
    );
  };
  return {
    list: enabled ? listed.data : undefined,
    categories: known.data ?? [],
    problem: listed.problem ?? known.problem,
    write: enabled && listed.data && known.data && listed.problem?.reason !== "RECORD_CLOSED" ? write : undefined,
    hasDraft: (subject) => drafts.current.has(keyOf(subject)),
    status,
    editor: opened &&
      draft && {
        dialog,
        subjectKey: opened.key,
        revision: opened.revision,
        draft,
        busy,
        problem: failed === opened.key ? problem : undefined,
        store: (entered) => void drafts.current.set(opened.key, entered),
        save,
        discard: () => closeWith(opened.key, text.draftDiscarded),
        onClose: () => {
          const left = drafts.current.get(opened.key);
          if (left && !isChanged(left)) drafts.current.delete(opened.key);
          else if (left) setStatus(text.draftKept);
          setOpened(undefined);
        },
      },
  };
}

function keyOf({ participantId, incident }: Subject): string {
  return incident ? incident.incidentId : `new ${participantId}`;
}

/**
 * Save an incident. If another person has changed the incident since it was read, save nothing and return the current
 * revision.
 */
async function saveOrReadCurrent(
  sessionId: string,
  draft: Draft,
  time: Timestamp,
  requestId: string,
): Promise<Incident | undefined> {
  const { incident, participantId, entries } = draft;
  if (incident === undefined) {
    const { categoryId, note } = entries;
    const severity = Number(entries.severity);
    await incidents.createIncident({
      requestId,
      sessionId,
      participantId,
      categoryId,
      severity,
      note,
      occurrenceTime: time,
    });
    return undefined;
  }
  try {
    await incidents.updateIncident({ requestId, ...updateOf({ ...draft, incident }, time) });
    return undefined;
  } catch (thrown) {
    if (toProblem(thrown).reason !== "STALE_ETAG") throw thrown;
  }
  const { revisions } = await incidents.listIncidentRevisions({ incidentId: incident.incidentId });
  return revisions[0];
}
