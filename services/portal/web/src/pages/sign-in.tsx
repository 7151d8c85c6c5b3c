import type { JSX } from "preact";
import { keptAttempts } from "../features/exam/journal";
import { expelled, signIn } from "../me";
import { ProblemNote, Title, useAction } from "../parts";

export function SignInPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    void run(() => signIn(String(fields.get("email")), String(fields.get("password"))));
  };
  return (
    <section class="narrow">
      <Title>Sign in</Title>
      {expelled.value && (
        <p class="note" role="status">
          You were signed out. {keptAttempts().size > 0 ? "Your answers are kept on this device; sign in to go on." : "Sign in to go on."}
        </p>
      )}
      <form onSubmit={submit} class="card">
        <label>
          E-mail address
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <ProblemNote problem={problem} />
        <button type="submit" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </section>
  );
}
