// The access log of a session. The log shows administrators who viewed identity photos, registration data and the
// session record.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Eye } from "lucide";
import type { ComponentChild, JSX } from "preact";
import { identity, record, sessions } from "../../api/client";
import { usePagedQuery, useQuery } from "../../api/use-query";
import { EmptyState } from "../../components/empty-state";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { Table, type TableColumn } from "../../components/table";
import { EvidenceAccessSubject } from "../../gen/proctorium/identity/v1/verification_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { Role } from "../account/current-user";
import { useNames } from "../people/use-names";

const text = messages.sessions;

const PAGE_SIZE = 50;

export function AccessLogPage({ sessionId }: { sessionId: string }): JSX.Element {
  const { data, problem } = useQuery(sessionId, () => sessions.getSession({ sessionId }));
  return (
    <>
      <PageTitle>{text.accessLogTitle}</PageTitle>
      <ProblemNote problem={problem} />
      {data && (
        <>
          <p>
            <Link to={`/supervise/${sessionId}`}>
              <bdi>{data.session?.plan?.title}</bdi>
            </Link>
          </p>
          <p class="quiet">{text.accessLogHint}</p>
          <EvidenceAccesses key={sessionId} sessionId={sessionId} />
          <RecordAccesses key={sessionId} sessionId={sessionId} />
        </>
      )}
    </>
  );
}

const SUBJECTS: Readonly<Record<number, string>> = {
  [EvidenceAccessSubject.DOCUMENT]: text.accessSubject.document,
  [EvidenceAccessSubject.SELFIE]: text.accessSubject.selfie,
  [EvidenceAccessSubject.REGISTRATION]: text.accessSubject.registration,
};

function EvidenceAccesses({ sessionId }: { sessionId: string }): JSX.Element {
  const list = usePagedQuery(
    (pageToken) => identity.listEvidenceAccesses({ sessionId, pageSize: PAGE_SIZE, pageToken }),
    ({ accesses }) => accesses,
  );
  const name = useNames(list.items?.flatMap(({ personId, learnerId }) => [personId, learnerId]) ?? []);
  return (
    <Accesses
      title={text.evidenceAccesses}
      none={text.noEvidenceAccess}
      list={list}
      columns={[text.accessColumns.what, text.accessColumns.of]}
      rows={list.items?.map((access) => ({
        ...access,
        who: <bdi>{name(access.personId)}</bdi>,
        more: [SUBJECTS[access.subject] ?? "", <bdi key="of">{name(access.learnerId)}</bdi>],
      }))}
    />
  );
}

function RecordAccesses({ sessionId }: { sessionId: string }): JSX.Element {
  const list = usePagedQuery(
    (pageToken) => record.listRecordAccesses({ sessionId, pageSize: PAGE_SIZE, pageToken }),
    ({ accesses }) => accesses,
  );
  const name = useNames(list.items?.map(({ personId }) => personId) ?? []);
  return (
    <Accesses
      title={text.recordAccesses}
      none={text.noRecordAccess}
      list={list}
      columns={[]}
      rows={list.items?.map((access) => ({ ...access, who: <bdi>{name(access.personId)}</bdi>, more: [] }))}
    />
  );
}

interface Row {
  who: ComponentChild;
  actingRole: Role;
  accessTime?: Timestamp | undefined;
  more: readonly ComponentChild[];
}

interface AccessesProps {
  title: string;
  none: string;
  list: ReturnType<typeof usePagedQuery>;
  columns: readonly string[];
  rows: readonly Row[] | undefined;
}

function Accesses({ title, none, list, columns, rows }: AccessesProps): JSX.Element {
  return (
    <section aria-label={title} class="stacking">
      <h2>{title}</h2>
      {rows === undefined && list.problem === undefined && <Loading what={text.accessLog} />}
      {rows?.length === 0 && (
        <EmptyState icon={Eye}>
          <p>{none}</p>
        </EmptyState>
      )}
      {rows && rows.length > 0 && (
        <Table
          caption={text.accessCaption(title)}
          columns={[
            ...COLUMNS,
            ...columns.map((column, index) => ({ title: column, cell: (row: Row) => row.more[index] })),
          ]}
          rows={rows}
          keyOf={(_, index) => index}
        />
      )}
      <ProblemNote problem={list.problem} />
      {list.hasMore && (
        <button type="button" class="plain" onClick={list.loadMore}>
          {text.showOlder}
          <span class="visually-hidden"> {text.inList(title)}</span>
        </button>
      )}
    </section>
  );
}

const ROLES: Readonly<Record<number, string>> = {
  [Role.PROCTOR]: text.actingRole.proctor,
  [Role.ADMINISTRATOR]: text.actingRole.administrator,
};

const COLUMNS: readonly TableColumn<Row>[] = [
  { title: text.accessColumns.when, cell: ({ accessTime }) => dateTime(accessTime) },
  { title: text.accessColumns.who, cell: ({ who }) => who },
  { title: text.accessColumns.role, cell: ({ actingRole }) => ROLES[actingRole] ?? text.actingRole.unknown },
];
