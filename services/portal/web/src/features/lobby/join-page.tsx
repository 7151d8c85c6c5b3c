// The page on which a learner joins a session with an enrollment code.
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
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { navigate } from "../../route";
import { SignedInAs } from "../account/sign-out";
import { parseEnrollmentCode } from "./enrollment-code";

const text = messages.lobby;

export function JoinPage(): JSX.Element {
  const { busy, problem, run } = useAction();
  const [error, setError] = useState<string | undefined>(undefined);
  const submit = (event: SubmitEvent): void => {
    const parsed = parseEnrollmentCode(readForm(event).value("code"));
    setError("error" in parsed ? parsed.error : undefined);
    if ("error" in parsed) return;
    const { code } = parsed;
    void run(async (requestId) => {
      const { session } = await lobby.joinSession({ requestId, code });
      navigate(`/sessions/${session?.sessionId}`);
    }, code);
  };
  const shown = error === undefined ? problem : undefined;
  return (
    <section class="narrow">
      <PageTitle>{text.joinTitle}</PageTitle>
      <SignedInAs />
      <Form problem={shown} onSubmit={submit} class="card">
        <Field
          label={text.code}
          hint={text.codeHint}
          error={error}
          name="code"
          class="code"
          required
          autoComplete="off"
          autoCapitalize="none"
          autoCorrect="off"
          spellcheck={false}
        />
        <FormProblem problem={shown} />
        <EntryTime problem={shown} />
        <button type="submit" disabled={busy}>
          {busy ? text.joining : text.join}
        </button>
      </Form>
    </section>
  );
}

/** Shows when the learner can enter the code: when the code becomes valid, or when the lobby opens. */
function EntryTime({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  const { valid_from: from, lobby_open_time: opens } = problem?.metadata ?? {};
  const time = (instant: string): string => dateTime(timestampFromDate(new Date(instant)));
  if (from !== undefined) return <p>{text.codeValidFrom(time(from))}</p>;
  return opens === undefined ? null : <p>{text.lobbyOpens(time(opens))}</p>;
}
