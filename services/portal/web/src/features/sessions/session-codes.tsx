// The enrollment codes of a session. Proctors see the shared code. Administrators see all codes, and can issue, replace
// and revoke codes.
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
import { Table, type TableColumn } from "../../components/table";
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
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { useNames } from "../people/use-names";
import { isClosedToNewcomers } from "./late-entry";
import { isOver } from "./sessions";

const text = messages.sessions;

/**
 * List the codes of a session. The call is retried, because the enrollment service receives the session and creates its
 * code a moment after the session was scheduled.
 */
function codesOf(sessionId: string): Promise<ListCodesResponse> {
  return retryUntilCreated("NOT_FOUND", () => codes.listCodes({ sessionId, pageSize: 200 }));
}

/**
 * Shows the shared code, so that a proctor can give it to a learner who has lost it. If no code is valid now, the next
 * code is shown with its times.
 */
export function SharedCode({ session }: { session: Session }): JSX.Element | null {
  const { sessionId, state } = session;
  const { data, reload } = useQuery(`${sessionId}/${state}`, () => codesOf(sessionId));
  const now = useNow();
  // When the person returns to the page, load the code again, because an administrator may have replaced the code.
  useOnVisible(reload);
  const shared = (data?.codes ?? []).filter((code) => code.personId === "" && code.state === CodeState.ACTIVE);
  const isLater = (code: Code): boolean => code.validFromTime !== undefined && timestampMs(code.validFromTime) > now;
  const start = ({ validFromTime }: Code): number => (validFromTime ? timestampMs(validFromTime) : 0);
  const chosen = shared.find((code) => !isLater(code)) ?? shared.sort((one, other) => start(one) - start(other))[0];
  if (chosen === undefined) return null;
  return (
    <p>
      {text.sharedCode} <strong class="code">{chosen.text}</strong> {validityText(chosen, session, now)}
    </p>
  );
}

/** Return a sentence about when learners can enter a shared code; empty if the time is not limited. */
function validityText(code: Code, session: Session, now: number): string {
  const { validFromTime: from, validUntilTime: until } = code;
  if (from && until && timestampMs(from) > now) return text.validOnly(dateTime(from), dateTime(until));
  const ends = until ? text.validUntil(dateTime(until)) : "";
  if (session.state === SessionState.SCHEDULED)
    return `${text.worksFromLobby(dateTime(session.lobbyOpenTime))} ${ends}`;
  if (isClosedToNewcomers(session, now)) return text.closedToNewcomers;
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
  const { code: codeColumn, for: forColumn, state, valid, actions } = text.codeColumns;
  const columns: TableColumn<Code>[] = [
    { title: codeColumn, isHeader: true, cell: (code) => <span class="code">{code.text}</span> },
    {
      title: forColumn,
      cell: ({ personId }) => (personId === "" ? text.everybody : <bdi>{name(personId)}</bdi>),
    },
    { title: state, cell: (code) => <State code={code} over={over} /> },
    {
      title: valid,
      cell: ({ validFromTime, validUntilTime }) =>
        validFromTime ? text.validRange(dateTime(validFromTime), dateTime(validUntilTime)) : text.validWhileOpen,
    },
    ...(over ? [] : [{ title: actions, cell: (code: Code) => <Actions code={code} busy={action.busy} act={act} /> }]),
  ];
  return (
    <section aria-labelledby="codes" class="stacking card">
      <h2 id="codes">{text.codesTitle}</h2>
      <ProblemNote problem={problem ?? action.problem} />
      {data === undefined && problem === undefined && <p role="status">{text.codePending}</p>}
      {data && <Table caption={text.codesCaption} columns={columns} rows={data.codes} keyOf={({ codeId }) => codeId} />}
      {data && !over && (
        <details>
          <summary>{text.issueTitle}</summary>
          <IssueForm session={session} issued={reload} />
        </details>
      )}
    </section>
  );
}

interface IssueFormProps {
  session: Session;
  issued: () => void;
}

function IssueForm({ session, issued }: IssueFormProps): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const courseId = session.plan?.courseId ?? "";
  // A personal code can be issued to any learner who is registered in the course, even without an invitation.
  const { data } = useQuery(courseId, () =>
    listAll(
      (pageToken) => registrations.listRegistrations({ courseId, pageSize: 200, pageToken }),
      (page) => page.registrations,
    ),
  );
  const registered = data?.map(({ personId }) => personId) ?? [];
  const name = useNames(registered);
  const issue = (event: SubmitEvent): void => {
    const { value } = readForm(event);
    const request = { sessionId: session.sessionId, personId: value("person_id"), text: value("text") };
    void run(async (requestId) => {
      const response = await codes.issueCode({ requestId, ...request });
      issued();
      return issueResult(response);
    });
  };
  return (
    <Form problem={problem} onSubmit={issue}>
      <Select label={text.codeFor} name="person_id">
        <option value="">{text.everybodyRegistered}</option>
        {registered.map((personId) => (
          <option key={personId} value={personId}>
            {text.onlyFor(name(personId))}
          </option>
        ))}
      </Select>
      <Field
        label={text.code}
        hint={text.codeHint}
        name="text"
        autoComplete="off"
        autoCapitalize="none"
        spellcheck={false}
      />
      <FormProblem problem={problem} />
      <div role="status">{done && <p class="note">{done}</p>}</div>
      <button type="submit" class="plain" disabled={busy}>
        {text.issue}
      </button>
    </Form>
  );
}

const WARNINGS: Readonly<Partial<Record<CodeWarning, string>>> = {
  [CodeWarning.LOOK_ALIKES]: text.codeWarning.lookAlikes,
  [CodeWarning.DIFFERS_ONLY_IN_CASE]: text.codeWarning.caseOnly,
};

/** Return a sentence with the issued code, and with warnings about the code that the administrator typed. */
function issueResult({ code, warnings }: IssueCodeResponse): string {
  const issued = code?.text ?? "";
  if (warnings.length === 0) return text.codeIssued(issued);
  const reasons = warnings.map((warning) => WARNINGS[warning]).join(" ");
  return text.codeIssuedWithWarnings(issued, reasons);
}

interface ActionsProps {
  code: Code;
  busy: boolean;
  act: (call: (requestId: string) => Promise<unknown>, codeId?: string) => Promise<void>;
}

/** The buttons that replace and revoke an active code. */
function Actions({ code: { codeId, state, text: code }, busy, act }: ActionsProps): JSX.Element | null {
  if (state !== CodeState.ACTIVE) return null;
  return (
    <div class="row">
      <button
        type="button"
        class="plain"
        disabled={busy}
        onClick={() => void act((requestId) => codes.replaceCode({ requestId, codeId }), codeId)}
      >
        {text.replace} <bdi class="visually-hidden">{code}</bdi>
      </button>
      <ConfirmButton
        label={text.revoke}
        subject={code}
        consequence={text.revokeConsequence}
        confirmLabel={text.revokeConfirm}
        cancelLabel={text.revokeCancel}
        busy={busy}
        onConfirm={() => void act((requestId) => codes.revokeCode({ requestId, codeId }), codeId)}
      />
    </div>
  );
}

function State({ code, over }: { code: Code; over: boolean }): JSX.Element {
  if (over && code.state === CodeState.ACTIVE) return <Badge tone="plain">{text.codeState.over}</Badge>;
  switch (code.state) {
    case CodeState.ACTIVE:
      return <Badge tone="good">{text.codeState.active}</Badge>;
    case CodeState.EXPIRED:
      return <Badge tone="plain">{text.codeState.expired}</Badge>;
    case CodeState.REVOKED:
      return <Badge tone="bad">{text.codeState.revoked}</Badge>;
    default:
      return <Badge tone="plain">{text.codeState.replaced}</Badge>;
  }
}
