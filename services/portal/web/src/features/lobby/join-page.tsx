// Enter Enrollment Code.
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { lobby } from "../../api/client";
import type { Problem } from "../../api/errors";
import { useAction } from "../../api/use-action";
import { Field } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { PageTitle } from "../../components/page-title";
import { dateTime } from "../../messages/format";
import { navigate } from "../../route";
import { SignedInAs } from "../account/sign-out";
import { parseEnrollmentCode } from "./enrollment-code";

export function JoinPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const submit = (event: SubmitEvent): void => {
    const meant = parseEnrollmentCode(readForm(event).text("code"));
    setWrong("wrong" in meant ? meant.wrong : undefined);
    if ("wrong" in meant) return;
    const { code } = meant;
    void run(async (requestId) => {
      const { session } = await lobby.joinSession({ requestId, code });
      navigate(`/sessions/${session?.sessionId}`);
    }, code);
  };
  const shown = wrong === undefined ? problem : undefined;
  return (
    <section class="narrow">
      <PageTitle>Enter Enrollment Code</PageTitle>
      <SignedInAs />
      <Form problem={shown} onSubmit={submit} class="card">
        <Field
          label="Enrollment code"
          hint="6 to 8 letters and digits. Upper and lower case matter: type the code exactly as you were given it."
          error={wrong}
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
  return opens === undefined ? null : (
    <p>The lobby opens {time(opens)}, or earlier if a proctor or an administrator opens it.</p>
  );
}
