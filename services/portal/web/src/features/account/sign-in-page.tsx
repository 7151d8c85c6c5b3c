import type { JSX } from "preact";
import { useAction } from "../../api/use-action";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { hasPending, pendingQuestions } from "../../offline/answer-journal";
import { expiredPersonId, globalSignOut, signIn } from "./current-user";

const ENDED = {
  "new password": "Your password is changed, and you are signed out everywhere. Sign in with the new password.",
  "perhaps new password": "You are signed out. Sign in with the new password or, if that is refused, with the old one.",
  "sign-out": "You are signed out everywhere.",
};

export function SignInPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    void run(() => signIn(String(fields.get("email")), String(fields.get("password")), fields.has("stay_signed_in")));
  };
  const owned = expiredPersonId.value ? pendingQuestions(expiredPersonId.value) : 0;
  return (
    <section class="narrow">
      <PageTitle>Sign in</PageTitle>
      {globalSignOut.value && (
        <p class="note" role="status">
          {ENDED[globalSignOut.value]}
        </p>
      )}
      {expiredPersonId.value && (
        <p class="note" role="status">
          You were signed out.{" "}
          {owned > 0 ? "Your answers are kept on this device; sign in to go on." : "Sign in to go on."}
        </p>
      )}
      {owned === 0 && hasPending() && (
        <p class="note">
          Answers that were not sent yet are stored on this device. They are sent when the person who gave them signs in
          here again.
        </p>
      )}
      <form onSubmit={submit} class="card">
        <label>
          E-mail address
          {/* biome-ignore lint/a11y/noAutofocus: the page has nothing else to do. */}
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <label class="choice">
          <input name="stay_signed_in" type="checkbox" aria-describedby="shared-computer" />
          Stay signed in on this computer
        </label>
        <p id="shared-computer" class="hint">
          Only for a computer that nobody else uses. On a shared computer, do not tick this: you are then signed out
          when the browser is closed.
        </p>
        <ProblemNote problem={problem} />
        <button type="submit" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </section>
  );
}
