// The enrollment codes of a session: proctors see the shared one, administrators all, and issue, replace and revoke them.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { codes, registrations } from "../../api/client";
import { listAll } from "../../api/pagination";
import { retryUntilCreated } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { ConfirmButton } from "../../components/confirm-button";
import { Field, Select } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { ProblemNote } from "../../components/problem-note";
import { useNow } from "../../components/use-now";
import { useOnVisible } from "../../components/use-on-visible";
import {
  type Code,
  CodeState,
  CodeWarning,
  type IssueCodeResponse,
  type ListCodesResponse,
} from "../../gen/proctorium/enrollment/v1/codes_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { dateTime } from "../../messages/format";
import { useNames } from "../people/use-names";
import { isClosedToNewcomers } from "./late-entry";
import { isOver } from "./sessions-page";

/** Enrollment hears of a session, and makes its code, a moment after it was scheduled. */
function codesOf(sessionId: string): Promise<ListCodesResponse> {
  return retryUntilCreated("NOT_FOUND", () => codes.listCodes({ sessionId }));
}

/** The code that a proctor reads out to a learner who has lost theirs: one that works now, or else with the time from which it does. */
export function SharedCode({ session }: { session: Session }): JSX.Element | null {
  const { sessionId, state } = session;
  const { data, reload } = useQuery(`${sessionId}/${state}`, () => codesOf(sessionId));
  const now = useNow();
  // An administrator may have replaced it meanwhile.
  useOnVisible(reload);
  const shared = (data?.codes ?? []).filter((code) => code.personId === "" && code.state === CodeState.ACTIVE);
  const isLater = (code: Code): boolean => code.validFromTime !== undefined && timestampMs(code.validFromTime) > now;
  const start = ({ validFromTime }: Code): number => (validFromTime ? timestampMs(validFromTime) : 0);
  const chosen = shared.find((code) => !isLater(code)) ?? shared.sort((one, other) => start(one) - start(other))[0];
  if (chosen === undefined) return null;
  return (
    <p>
      Enrollment code: <strong class="code">{chosen.text}</strong> {whenItWorks(chosen, session, now)}
    </p>
  );
}

/** When learners can enter a shared code, in a sentence; nothing where it simply works. */
function whenItWorks(code: Code, session: Session, now: number): string {
  const { validFromTime: from, validUntilTime: until } = code;
  if (from && until && timestampMs(from) > now) return `Valid only from ${dateTime(from)} to ${dateTime(until)}.`;
  const ends = until ? `Valid until ${dateTime(until)}.` : "";
  if (session.state === SessionState.SCHEDULED)
    return `It works when the lobby opens, ${dateTime(session.lobbyOpenTime)}. ${ends}`;
  if (isClosedToNewcomers(session, now))
    return "Only learners who have joined before can come back with it: late entry is closed.";
  return ends;
}

export function SessionCodes({ session }: { session: Session }): JSX.Element {
  const { sessionId } = session;
  const { data, problem, reload } = useQuery(sessionId, () => codesOf(sessionId));
  const action = useAction();
  const act = (call: (requestId: string) => Promise<unknown>, codeId?: string): Promise<void> =>
    action.run(async (requestId) => {
      await call(requestId);
      reload();
    }, codeId);
  const name = useNames((data?.codes ?? []).flatMap(({ personId }) => (personId === "" ? [] : [personId])));
  const over = isOver(session);
  const columns = ["Code", "For", "State", "Valid", ...(over ? [] : ["Actions"])];
  return (
    <section aria-labelledby="codes" class="stacking card">
      <h2 id="codes">Enrollment codes</h2>
      <ProblemNote problem={problem ?? action.problem} />
      {data === undefined && problem === undefined && <p role="status">The enrollment code is being made…</p>}
      {data && (
        <table class="stacks" role="table">
          <caption class="visually-hidden">Enrollment codes, newest first</caption>
          <thead role="rowgroup">
            <tr role="row">
              {columns.map((column) => (
                <th key={column} scope="col" role="columnheader">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {data?.codes.map((code) => (
              <tr key={code.codeId} role="row">
                <th scope="row" role="rowheader">
                  <span class="code">{code.text}</span>
                </th>
                <td role="cell" data-label="For">
                  {code.personId === "" ? "Everybody" : name(code.personId)}
                </td>
                <td role="cell" data-label="State">
                  <State code={code} over={over} />
                </td>
                <td role="cell" data-label="Valid">
                  {code.validFromTime
                    ? `${dateTime(code.validFromTime)} to ${dateTime(code.validUntilTime)}`
                    : "As long as the lobby or the session is open"}
                </td>
                {!over && (
                  <td role="cell" data-label="Actions">
                    {code.state === CodeState.ACTIVE && (
                      <div class="row">
                        <button
                          type="button"
                          class="plain"
                          disabled={action.busy}
                          onClick={() =>
                            void act((requestId) => codes.replaceCode({ requestId, codeId: code.codeId }), code.codeId)
                          }
                        >
                          Replace <span class="visually-hidden">{code.text}</span>
                        </button>
                        <ConfirmButton
                          label="Revoke…"
                          subject={code.text}
                          consequence="Nobody new joins with it. Who has joined stays."
                          confirmLabel="Revoke now"
                          cancelLabel="Keep it"
                          busy={action.busy}
                          onConfirm={() =>
                            void act((requestId) => codes.revokeCode({ requestId, codeId: code.codeId }), code.codeId)
                          }
                        />
                      </div>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {data && !over && (
        <details>
          <summary>Issue a further code</summary>
          <Issue session={session} issued={reload} />
        </details>
      )}
    </section>
  );
}

interface IssueProps {
  session: Session;
  issued: () => void;
}

function Issue({ session, issued }: IssueProps): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const courseId = session.plan?.courseId ?? "";
  // A code of one's own is only for who is registered in the course, whether or not they are invited.
  const { data } = useQuery(courseId, () =>
    listAll(
      (pageToken) => registrations.listRegistrations({ courseId, pageSize: 200, pageToken }),
      (page) => page.registrations,
    ),
  );
  const registered = data?.map(({ personId }) => personId) ?? [];
  const name = useNames(registered);
  const issue = (event: SubmitEvent): void => {
    const { text } = readForm(event);
    const asked = { sessionId: session.sessionId, personId: text("person_id"), text: text("text") };
    void run(async (requestId) => {
      const answer = await codes.issueCode({ requestId, ...asked });
      issued();
      return said(answer);
    });
  };
  return (
    <Form problem={problem} onSubmit={issue}>
      <Select label="For" name="person_id">
        <option value="">Everybody who is registered in the course</option>
        {registered.map((personId) => (
          <option key={personId} value={personId}>
            {name(personId)} alone
          </option>
        ))}
      </Select>
      <Field
        label="Code"
        hint="6 to 8 letters and digits; empty means that one is made."
        name="text"
        autoComplete="off"
        autoCapitalize="none"
        spellcheck={false}
      />
      <FormProblem problem={problem} />
      <div role="status">{done && <p class="note">{done}</p>}</div>
      <button type="submit" class="plain" disabled={busy}>
        Issue
      </button>
    </Form>
  );
}

const WARNINGS: Readonly<Partial<Record<CodeWarning, string>>> = {
  [CodeWarning.LOOK_ALIKES]: "It has characters that look alike: 0, O and o, or 1, l, I and i.",
  [CodeWarning.DIFFERS_ONLY_IN_CASE]: "Another code that is in use differs from it only in upper and lower case.",
};

/** What an administrator should know about the code that they typed. */
function said({ code, warnings }: IssueCodeResponse): string {
  if (warnings.length === 0) return `The code ${code?.text} was issued.`;
  const reasons = warnings.map((warning) => WARNINGS[warning]).join(" ");
  return `The code ${code?.text} was issued, but learners may mistype it. ${reasons} You can replace it by a generated one.`;
}

function State({ code, over }: { code: Code; over: boolean }): JSX.Element {
  if (over && code.state === CodeState.ACTIVE) return <Badge tone="plain">No longer valid</Badge>;
  switch (code.state) {
    case CodeState.ACTIVE:
      return <Badge tone="good">Active</Badge>;
    case CodeState.EXPIRED:
      return <Badge tone="plain">Expired</Badge>;
    case CodeState.REVOKED:
      return <Badge tone="bad">Revoked</Badge>;
    default:
      return <Badge tone="plain">Replaced</Badge>;
  }
}
