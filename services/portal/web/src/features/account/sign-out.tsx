// Who is signed in, and signing out.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { counted } from "../../messages/format";
import { pendingQuestions } from "../../offline/answer-journal";
import { navigate } from "../../route";
import { me, signOut } from "./current-user";

/** What the end of all sign-ins of a learner leaves as it is. */
export const ANSWERS_STAY =
  "Unsent answers stay on the device where they were given, and the time of a running assessment continues.";

/** Names who is signed in where a person joins a session or works on an attempt: on a shared computer it may be the previous user. */
export function SignedInAs(): JSX.Element | null {
  const person = me.value;
  if (!person) return null;
  return (
    <div class="row quiet" role="group" aria-label="Who is signed in">
      <span>
        Signed in as <strong>{person.legalName}</strong>. Not you?
      </span>
      <SignOut person={person} left={() => navigate("/")} />
    </div>
  );
}

/** Signs out at once; if answers are unsent, first says what happens to them and asks. `left` runs afterwards. */
export function SignOut({ person, left }: { person: Person; left?: () => void }): JSX.Element {
  const { busy, problem, run } = useAction();
  const [waiting, setWaiting] = useState(0);
  const stay = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (waiting > 0) stay.current?.focus();
  }, [waiting]);
  const leave = (): void =>
    void run(async () => {
      await signOut();
      left?.();
    });
  const ask = (): void => {
    const found = pendingQuestions(person.personId);
    setWaiting(found);
    if (found === 0) leave();
  };
  return (
    <>
      {waiting === 0 ? (
        <button type="button" class="plain" disabled={busy} onClick={ask}>
          Sign out
        </button>
      ) : (
        <div class="row" role="group" aria-label="Sign out with unsent answers">
          <span>
            {counted(waiting, "answer is", "answers are")} not sent yet. If you sign out,{" "}
            {waiting === 1 ? "it stays" : "they stay"} on this device and {waiting === 1 ? "is" : "are"} sent when you
            sign in here again; the time of a running assessment continues.
          </span>
          <button type="button" class="danger" disabled={busy} onClick={leave}>
            Sign out anyway
          </button>
          <button type="button" class="plain" ref={stay} disabled={busy} onClick={() => setWaiting(0)}>
            Stay signed in
          </button>
        </div>
      )}
      <ProblemNote problem={problem} />
    </>
  );
}
