// The names of people on staff pages.
import { useMemo } from "preact/hooks";
import { people } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { messages } from "../../messages";

const MAX_IDS_PER_CALL = 500;

const UNKNOWN = messages.people.unknownPerson;

/** Return a function from a person's ID to the legal name, which proctors compare with the identity document. */
export function useNames(personIds: readonly string[]): (personId: string) => string {
  const ids = useMemo(() => [...new Set(personIds)].sort(), [personIds]);
  const key = useMemo(() => ids.join(), [ids]);
  const { data } = useQuery(key, async () => {
    const names = new Map(ids.map((personId) => [personId, UNKNOWN]));
    for (let first = 0; first < ids.length; first += MAX_IDS_PER_CALL) {
      const found = await people.batchGetNames({ personIds: ids.slice(first, first + MAX_IDS_PER_CALL) });
      for (const { personId, legalName, preferredName } of found.names) names.set(personId, legalName || preferredName);
    }
    return names;
  });
  return (personId) => data?.get(personId) ?? "…";
}
