// A filter of the roster for participants who need the proctor.
import { useRef, useState } from "preact/hooks";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { needsOf } from "./attention";

interface AttentionFilter {
  on: boolean;
  shown: readonly Participant[];
  /** The number of shown participants who no longer need the proctor. */
  settled: number;
  setOn: (on: boolean) => void;
  hideSettled: () => void;
}

/**
 * Show only participants who need the proctor. Further participants in need are appended. Those who no longer need the
 * proctor stay until the proctor hides them.
 */
export function useAttentionFilter(all: readonly Participant[], inNeed: readonly Participant[]): AttentionFilter {
  const [on, setOn] = useState(false);
  const [, rerender] = useState(0);
  const listed = useRef(new Set<string>());
  if (on) for (const { participantId } of inNeed) listed.current.add(participantId);
  const byId = new Map(all.map((participant) => [participant.participantId, participant]));
  const filtered = [...listed.current].flatMap((id) => byId.get(id) ?? []);
  const restart = (): void => {
    listed.current = new Set(inNeed.map(({ participantId }) => participantId));
    rerender((revision) => revision + 1);
  };
  return {
    on,
    shown: on ? filtered : all,
    settled: on ? filtered.filter((participant) => needsOf(participant).length === 0).length : 0,
    setOn: (wanted) => {
      restart();
      setOn(wanted);
    },
    hideSettled: restart,
  };
}
