// The notes for proctors from people's accommodations.
import { accommodations } from "../../api/client";
import { useQuery } from "../../api/use-query";

const MAX_IDS_PER_CALL = 500;

/** Return a function from a person's ID to the note for proctors. The note is empty for a person without a note. */
export function useProctorNotes(personIds: readonly string[]): (personId: string) => string {
  const ids = [...new Set(personIds)].sort();
  const { data } = useQuery(`proctor-notes/${ids.join()}`, async () => {
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
