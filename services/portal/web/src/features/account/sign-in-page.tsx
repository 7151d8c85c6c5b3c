// The sign-in page.
import type { JSX } from "preact";
import { useAction } from "../../api/use-action";
import { Checkbox, Field } from "../../components/fields";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { messages } from "../../messages";
import { hasPending, pendingQuestions } from "../../offline/answer-journal";
import { expiredPersonId, globalSignOut, signIn } from "./current-user";

const text = messages.account;

export function SignInPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    void run(() => signIn(String(fields.get("email")), String(fields.get("password")), fields.has("stay_signed_in")));
  };
  const ownAnswers = expiredPersonId.value ? pendingQuestions(expiredPersonId.value) : 0;
  return (
    <section class="narrow">
      <PageTitle>{text.signIn}</PageTitle>
      {globalSignOut.value && (
        <p class="note" role="status">
          {text.globalSignOut[globalSignOut.value]}
        </p>
      )}
      {expiredPersonId.value && (
        <p class="note" role="status">
          {ownAnswers > 0 ? text.wasSignedOutWithAnswers : text.wasSignedOut}
        </p>
      )}
      {ownAnswers === 0 && hasPending() && <p class="note">{text.answersOfSomebody}</p>}
      <form onSubmit={submit} class="card">
        <Field label={text.email} name="email" type="email" autoComplete="username" required autoFocus />
        <Field label={text.password} name="password" type="password" autoComplete="current-password" required />
        <Checkbox label={text.staySignedIn} hint={text.staySignedInHint} name="stay_signed_in" />
        <ProblemNote problem={problem} />
        <button type="submit" disabled={busy}>
          {busy ? text.signingIn : text.signIn}
        </button>
      </form>
    </section>
  );
}
