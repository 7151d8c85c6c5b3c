// Who leads a session and who is present, with the buttons to take the session and to hand it over.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { ConfirmButton } from "../../components/confirm-button";
import { Select } from "../../components/fields";
import { ProblemNote } from "../../components/problem-note";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { hasRole, me, Role } from "../account/current-user";
import { isCertified, listAllPeople } from "../people/people";
import { useNames } from "../people/use-names";
import { isOver } from "../sessions/sessions";
import { isLapsed } from "../supervision/permissions";
import { isObserved, leadOf, successors } from "./coverage";

const text = messages.coverage;

/** The proctors of a session. `may` says whether the signed-in person may act in the session. */
export function SessionProctors({ session, may }: { session: Session; may: boolean }): JSX.Element {
  const own = me.value?.personId ?? "";
  const leadId = leadOf(session);
  const present = session.coverage?.presentPersonIds ?? [];
  const names = useNames([...(session.plan?.proctorIds ?? []), ...present]);
  const nameOf = (personId: string): string => {
    if (personId === own) return text.you;
    const isProctor = session.plan?.proctorIds.includes(personId);
    return isProctor || hasRole(Role.ADMINISTRATOR) ? names(personId) : text.anAdministrator;
  };
  return (
    <section class="card" aria-label={text.title}>
      <p class="row">
        <strong dir="auto">{text.lead(nameOf(leadId))}</strong>
        {isObserved(session) && (
          <span class="quiet" dir="auto">
            {present.length === 0 ? text.nobodyPresent : text.present([...new Set(present.map(nameOf))].join(", "))}
          </span>
        )}
      </p>
      {may && !isOver(session) && (
        <div class="row">
          {leadId !== own && !isLapsed() && <TakeLead session={session} />}
          {(leadId === own || hasRole(Role.ADMINISTRATOR)) && <HandOver session={session} nameOf={nameOf} />}
        </div>
      )}
    </section>
  );
}

function TakeLead({ session }: { session: Session }): JSX.Element {
  const { busy, problem, run } = useAction();
  const { sessionId } = session;
  const expectedLeadProctorId = leadOf(session);
  return (
    <>
      <ConfirmButton
        label={text.takeLead}
        consequence={text.takeHint}
        confirmLabel={text.takeLeadConfirm}
        cancelLabel={text.takeLeadCancel}
        busy={busy}
        onConfirm={() =>
          void run((requestId) => supervision.takeSession({ requestId, sessionId, expectedLeadProctorId }))
        }
      />
      <ProblemNote problem={problem} />
    </>
  );
}

interface HandOverProps {
  session: Session;
  nameOf: (personId: string) => string;
}

function HandOver({ session, nameOf }: HandOverProps): JSX.Element {
  const [open, setOpen] = useState(false);
  if (open) return <HandOverForm session={session} nameOf={nameOf} close={() => setOpen(false)} />;
  return (
    <button type="button" class="plain" onClick={() => setOpen(true)}>
      {text.handOver}
    </button>
  );
}

/** List the certified proctors with their names. Only administrators may list people. */
async function listCertified(): Promise<{ personId: string; legalName: string }[]> {
  return hasRole(Role.ADMINISTRATOR) ? (await listAllPeople()).filter(isCertified) : [];
}

function HandOverForm({ session, nameOf, close }: HandOverProps & { close: () => void }): JSX.Element {
  const { busy, problem, run } = useAction();
  const { data: certified, problem: unlisted } = useQuery("certified", listCertified);
  const [chosen, setChosen] = useState("");
  const ids = successors(session, certified ?? []);
  const toPersonId = ids.includes(chosen) ? chosen : (ids[0] ?? "");
  const nameOfSuccessor = (personId: string): string =>
    certified?.find((person) => person.personId === personId)?.legalName ?? nameOf(personId);
  const handOver = async (requestId: string): Promise<void> => {
    const expectedLeadProctorId = leadOf(session);
    const { sessionId } = session;
    await supervision.handOverSession({ requestId, sessionId, toPersonId, expectedLeadProctorId });
    close();
  };
  return (
    <form
      aria-label={text.handOverForm}
      onSubmit={(event) => {
        event.preventDefault();
        void run(handOver, toPersonId);
      }}
    >
      <ProblemNote problem={unlisted} />
      {certified && ids.length === 0 && <p>{text.nobodyToHandOverTo}</p>}
      {ids.length > 0 && (
        <>
          <Select label={text.handOverTo} value={toPersonId} onChange={(event) => setChosen(event.currentTarget.value)}>
            {ids.map((personId) => (
              <option key={personId} value={personId} dir="auto">
                {nameOfSuccessor(personId)}
              </option>
            ))}
          </Select>
          <p class="quiet">{text.handOverHint}</p>
        </>
      )}
      <p class="row">
        {ids.length > 0 && (
          <button type="submit" disabled={busy}>
            {text.handOverConfirm}
          </button>
        )}
        <button type="button" class="plain" disabled={busy} onClick={close}>
          {text.handOverCancel}
        </button>
      </p>
      <ProblemNote problem={problem} />
    </form>
  );
}
