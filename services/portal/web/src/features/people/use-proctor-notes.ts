// The notes for proctors from people's accommodations.
import { useMemo } from "preact/hooks";
import { accommodations } from "../../api/client";
import { useQuery } from "../../api/use-query";

const MAX_IDS_PER_CALL = 500;

/** Return a function from a person's ID to the note for proctors. The note is empty for a person without a note. */
export function useProctorNotes(personIds: readonly string[]): (personId: string) => string {
  const ids = useMemo(() => [...new Set(personIds)].sort(), [personIds]);
  const key = useMemo(() => ids.join(), [ids]);
  const { data } = useQuery(`proctor-notes/${key}`, async () => {
    const notes = new Map<string, string>();
    for (let first = 0; first < ids.length; first += MAX_IDS_PER_CALL) {
      const found = await accommodations.batchGetProctorNotes({
        personIds: ids.slice(first, first + MAX_IDS_PER_CALL),
      });
      for (const { personId, proctorNote } of found.notes) notes.set(personId, proctorNote);
    }
    return notes;
  });
  return (personId) => data?.get(personId) ?? "";
}
