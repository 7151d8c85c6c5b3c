// What staff pages call people.
import { people } from "./calls";
import type { PersonName } from "./gen/proctorium/enrollment/v1/people_pb";
import { useLoaded } from "./parts";

const MOST_IN_ONE_CALL = 500;

/** The names of people by their ids: the legal name, which the proctor finds on their document. Undefined while it is not known. */
export function useNames(personIds: readonly string[]): (personId: string) => string | undefined {
  const ids = [...new Set(personIds)].sort();
  const { loaded } = useLoaded(ids.join(), async () => {
    const found: PersonName[] = [];
    for (let first = 0; first < ids.length; first += MOST_IN_ONE_CALL) {
      found.push(...(await people.listNames({ personIds: ids.slice(first, first + MOST_IN_ONE_CALL) })).names);
    }
    return new Map(found.map((name) => [name.personId, name.legalName || name.preferredName]));
  });
  return (personId) => loaded?.get(personId);
}
