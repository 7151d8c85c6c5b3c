// The people of the organisation and their roles.
import { people } from "../../api/client";
import { listAll } from "../../api/pagination";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { messages } from "../../messages";
import { sortedBy } from "../../messages/format";

const PAGE_SIZE = 200;

const { role } = messages.common;

/** The roles that a person can have, with their names. */
export const ROLES: readonly [Role, string][] = [
  [Role.LEARNER, role.learner],
  [Role.PROCTOR, role.proctor],
  [Role.ADMINISTRATOR, role.administrator],
];

/** List all people, sorted by name. */
export async function listAllPeople(): Promise<Person[]> {
  const found = await listAll(
    (pageToken) => people.listPeople({ pageSize: PAGE_SIZE, pageToken }),
    (page) => page.people,
  );
  return sortedBy(found, (person) => person.legalName);
}

/** Return whether a person is certified as a proctor now. */
export function isCertified({ certifiedUntilTime }: Person): boolean {
  return certifiedUntilTime !== undefined && Number(certifiedUntilTime.seconds) * 1000 > Date.now();
}
