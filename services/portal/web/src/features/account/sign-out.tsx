// The name of the signed-in person, and the button that signs out.
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { messages } from "../../messages";
import { pendingQuestions } from "../../offline/answer-journal";
import { navigate } from "../../route";
import { me, signOut } from "./current-user";

const text = messages.account;

/**
 * Shows who is signed in. It is used where a learner joins a session or works on an attempt, because on a shared
 * computer the previous user may still be signed in.
 */
export function SignedInAs(): JSX.Element | null {
  const person = me.value;
  if (!person) return null;
  return (
    <div class="row quiet signed-in" role="group" aria-label={text.whoIsSignedIn}>
      <span>{text.signedInAs(<strong dir="auto">{person.legalName}</strong>)}</span>
      <SignOut person={person} onSignedOut={() => navigate("/")} />
    </div>
  );
}

/**
 * A button that signs out. If answers are pending, it shows what happens to them and asks for confirmation.
 * `onSignedOut` is called after the sign-out.
 */
export function SignOut({ person, onSignedOut }: { person: Person; onSignedOut?: () => void }): JSX.Element {
  const { busy, problem, run } = useAction();
  const [unsent, setUnsent] = useState(0);
  const stay = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (unsent > 0) stay.current?.focus();
  }, [unsent]);
  const leave = (): void =>
    void run(async () => {
      await signOut();
      onSignedOut?.();
    });
  const ask = (): void => {
    const found = pendingQuestions(person.personId);
    setUnsent(found);
    if (found === 0) leave();
  };
  return (
    <>
      {unsent === 0 ? (
        <button type="button" class="plain" disabled={busy} onClick={ask}>
          {text.signOut}
        </button>
      ) : (
        <div class="row" role="group" aria-label={text.signOutWithAnswers}>
          <span>{text.unsentAnswers(unsent)}</span>
          <button type="button" class="danger" disabled={busy} onClick={leave}>
            {text.signOutAnyway}
          </button>
          <button type="button" class="plain" ref={stay} disabled={busy} onClick={() => setUnsent(0)}>
            {text.staySignedInNow}
          </button>
        </div>
      )}
      <ProblemNote problem={problem} />
    </>
  );
}
