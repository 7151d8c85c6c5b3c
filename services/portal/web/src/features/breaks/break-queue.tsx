// The open breaks in the proctor's console: requests that wait for a decision, and learners who are on a break.
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { breaks } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useServerNow } from "../../api/use-server-now";
import { Badge } from "../../components/badge";
import { Field } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { type Break, BreakState } from "../../gen/proctorium/session/v1/breaks_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { list } from "../../messages/format";
import { useNames } from "../people/use-names";
import { ReasonForm } from "../supervision/reason-form";
import { type OpenBreak, queueOf, requestedAt, secondsOf, secondsOfBreak } from "./breaks";

const text = messages.breaks;

export function BreakQueue({ participants }: { participants: readonly Participant[] }): JSX.Element {
  const queue = queueOf(participants);
  const name = useNames(participants.map(({ personId }) => personId));
  const late = queue.filter(({ taken }) => taken.overrunTime).map(({ participant }) => name(participant.personId));
  return (
    <section class="card" aria-labelledby="breaks">
      <h2 id="breaks">
        <span role="status">{text.queueTitle(queue.length)}</span>
      </h2>
      <div role="alert" class="visually-hidden">
        {late.length > 0 && text.overrunOf(list(late))}
      </div>
      {queue.length === 0 && <p class="quiet">{text.none}</p>}
      <ol class="hands">
        {queue.map((open) => (
          <li key={open.taken.breakId} class="row">
            <strong dir="auto">{name(open.participant.personId)}</strong>
            <OpenBreakRow open={open} name={name(open.participant.personId)} />
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Shows the open break of a learner in the learner's panel, with the buttons that grant and refuse it. */
export function LearnerBreak({ participant, name }: { participant: Participant; name: string }): JSX.Element | null {
  const [open] = queueOf([participant]);
  if (open === undefined) return null;
  return (
    <div key={open.taken.breakId} class="row">
      <OpenBreakRow open={open} name={name} />
    </div>
  );
}

function OpenBreakRow({ open, name }: { open: OpenBreak; name: string }): JSX.Element {
  return (
    <>
      <OpenState taken={open.taken} />
      {open.taken.state === BreakState.REQUESTED && <Decision open={open} name={name} />}
    </>
  );
}

function OpenState({ taken }: { taken: Break }): JSX.Element {
  const now = useServerNow();
  const left = secondsOfBreak(taken, now);
  switch (taken.state) {
    case BreakState.REQUESTED:
      return <span class="quiet">{text.waiting((now - requestedAt(taken)) / 1000)}</span>;
    case BreakState.GRANTED:
      return <span class="quiet">{text.notStarted(secondsOf(taken.length))}</span>;
    default:
      if (!taken.overrunTime) return <span>{left > 0 ? text.onBreak(left) : text.due}</span>;
      return (
        <>
          <Badge tone="bad">{text.isOverrun}</Badge>
          <span>{text.overrunBy(Math.max(0, -left))}</span>
        </>
      );
  }
}

function Decision({ open: { participant, taken }, name }: { open: OpenBreak; name: string }): JSX.Element {
  const { busy, problem, run } = useAction();
  const { breakId } = taken;
  const longest = secondsOf(participant.breakAllowance?.longestLength);
  const grant = (event: SubmitEvent): void => {
    const minutes = Number(readForm(event).value("grant.length"));
    const length = durationFromMs(Math.round(minutes * 60) * 1000);
    void run(
      (requestId) => breaks.decideBreak({ requestId, breakId, decision: { case: "grant", value: { length } } }),
      `grant ${breakId} ${minutes}`,
    );
  };
  const about = (
    <>
      {" "}
      <bdi class="visually-hidden">{name}</bdi>
    </>
  );
  return (
    <>
      <Form problem={problem} onSubmit={grant} class="row">
        <Field
          label={text.minutesFor(name)}
          hint={text.longest(longest)}
          name="grant.length"
          type="number"
          min={0}
          step="any"
          required
          defaultValue={String(longest / 60)}
        />
        <FormProblem problem={problem} />
        <button type="submit" disabled={busy}>
          {text.grant}
          {about}
        </button>
      </Form>
      <ReasonForm
        label={text.refuse}
        subject={name}
        title={text.refuseForm(name)}
        field="refuse.refusal_reason"
        reasonLabel={text.refuseReason}
        reasonHint={text.refuseReasonHint}
        consequence={text.refuseConsequence}
        confirmLabel={text.refuseConfirm}
        cancelLabel={text.refuseCancel}
        action={async (requestId, refusalReason) => {
          await breaks.decideBreak({ requestId, breakId, decision: { case: "refuse", value: { refusalReason } } });
        }}
      />
    </>
  );
}
