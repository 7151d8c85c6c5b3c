// Enter Enrollment Code.
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { lobby, type Problem } from "../calls";
import { codeText } from "../code-text";
import { Field, Form, FormProblem, typed } from "../forms";
import { Title, useAction } from "../parts";
import { go } from "../route";
import { SignedInAs } from "../sign-out";
import { dateTime } from "../words";

export function JoinPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const submit = (event: SubmitEvent): void => {
    const meant = codeText(typed(event).text("code"));
    setWrong("wrong" in meant ? meant.wrong : undefined);
    if ("wrong" in meant) return;
    const { code } = meant;
    void run(async (requestId) => {
      const { session } = await lobby.joinSession({ requestId, code });
      go(`/sessions/${session?.sessionId}`);
    }, code);
  };
  const shown = wrong === undefined ? problem : undefined;
  return (
    <section class="narrow">
      <Title>Enter Enrollment Code</Title>
      <SignedInAs />
      <Form problem={shown} submit={submit} class="card">
        <Field
          label="Enrollment code"
          hint="6 to 8 letters and digits. Upper and lower case matter: type the code exactly as you were given it."
          wrong={wrong}
          name="code"
          class="code"
          required
          autoComplete="off"
          autoCapitalize="none"
          autoCorrect="off"
          spellcheck={false}
        />
        <FormProblem problem={shown} />
        <NotYet problem={shown} />
        <button type="submit" disabled={busy}>
          {busy ? "Joining…" : "Join Session"}
        </button>
      </Form>
    </section>
  );
}

/** Says when to come back: when the code becomes valid, or when the lobby opens. */
function NotYet({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  const { valid_from: from, lobby_open_time: opens } = problem?.metadata ?? {};
  const time = (text: string): string => dateTime(timestampFromDate(new Date(text)));
  if (from !== undefined) return <p>The code is valid from {time(from)}.</p>;
  return opens === undefined ? null : <p>The lobby opens {time(opens)}, or earlier if a proctor or an administrator opens it.</p>;
}
