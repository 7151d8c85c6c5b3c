// Enter Enrollment Code.
import type { JSX } from "preact";
import { lobby } from "../calls";
import { ProblemNote, useAction } from "../parts";
import { go } from "../route";

export function JoinPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget as HTMLFormElement).get("code")).trim();
    void run(async () => {
      const { session } = await lobby.joinSession({ requestId: crypto.randomUUID(), code });
      go(`/sessions/${session?.sessionId}`);
    });
  };
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>Enter Enrollment Code</h1>
      <form onSubmit={submit} class="card">
        <label>
          Enrollment code
          <input
            name="code"
            class="code"
            required
            minLength={6}
            maxLength={8}
            autoComplete="off"
            autoCapitalize="none"
            autoCorrect="off"
            spellcheck={false}
            aria-describedby="code-hint"
          />
        </label>
        <p id="code-hint" class="quiet">
          6 to 8 letters and digits. Upper and lower case matter: type the code exactly as you were given it.
        </p>
        <ProblemNote problem={problem} />
        <button type="submit" disabled={busy}>
          {busy ? "Joining…" : "Join Session"}
        </button>
      </form>
    </section>
  );
}
