// The names of the states of participants on staff pages.
import { ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";

const text = messages.supervision.participantState;

export const PARTICIPANT_STATES: Readonly<Record<number, string>> = {
  [ParticipantState.AWAITING_APPROVAL]: text.awaitingApproval,
  [ParticipantState.DENIED]: text.denied,
  [ParticipantState.WAITING]: text.waiting,
  [ParticipantState.IN_SESSION]: text.inSession,
  [ParticipantState.COMPLETED]: text.completed,
  [ParticipantState.REMOVED]: text.removed,
  [ParticipantState.NO_SHOW]: text.noShow,
  [ParticipantState.LEFT]: text.left,
  [ParticipantState.PAUSED]: text.paused,
  [ParticipantState.ON_BREAK]: text.onBreak,
};
