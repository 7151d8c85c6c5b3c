// The sign-in page.
import type { JSX } from "preact";
import { useAction } from "../../api/use-action";
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
        <label>
          {text.email}
          {/* biome-ignore lint/a11y/noAutofocus: the form is the only content of the page. */}
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          {text.password}
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <label class="choice">
          <input name="stay_signed_in" type="checkbox" aria-describedby="shared-computer" />
          {text.staySignedIn}
        </label>
        <p id="shared-computer" class="hint">
          {text.staySignedInHint}
        </p>
        <ProblemNote problem={problem} />
        <button type="submit" disabled={busy}>
          {busy ? text.signingIn : text.signIn}
        </button>
      </form>
    </section>
  );
}
