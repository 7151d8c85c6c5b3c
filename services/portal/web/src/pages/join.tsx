// Enter Enrollment Code.
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { lobby, type Problem } from "../calls";
import { ProblemNote, Title, useAction } from "../parts";
import { go } from "../route";
import { dateTime } from "../words";

export function JoinPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget as HTMLFormElement).get("code")).trim();
    void run(async (requestId) => {
      const { session } = await lobby.joinSession({ requestId, code });
      go(`/sessions/${session?.sessionId}`);
    }, code);
  };
  return (
    <section class="narrow">
      <Title>Enter Enrollment Code</Title>
      <form onSubmit={submit} class="card">
        <label>
          Enrollment code
          <input
            name="code"
            class="code"
            required
            pattern="\s*[A-Za-z0-9]{6,8}\s*"
            title="6 to 8 letters and digits"
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
        <NotYet problem={problem} />
        <button type="submit" disabled={busy}>
          {busy ? "Joining…" : "Join Session"}
        </button>
      </form>
    </section>
  );
}

/** Says when to come back: when the code becomes valid, or when the lobby opens. */
function NotYet({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  const { valid_from: from, lobby_open_time: opens } = problem?.metadata ?? {};
  const time = (text: string): string => dateTime(timestampFromDate(new Date(text)));
  if (from !== undefined) return <p>The code is valid from {time(from)}.</p>;
  return opens === undefined ? null : <p>The lobby opens {time(opens)}, or earlier if your proctor opens it.</p>;
}
