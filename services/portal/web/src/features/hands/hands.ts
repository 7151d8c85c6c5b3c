// The kinds of hands, and the times at which learners began to wait.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Hand, HandKind } from "../../gen/proctorium/session/v1/hands_pb";
import { messages } from "../../messages";

const text = messages.hands;

/** The kinds of hands with their names, in the order in which pages show them. */
export const KINDS: readonly [HandKind, string][] = [
  [HandKind.HELP, text.kind.help],
  [HandKind.TECHNICAL, text.kind.technical],
  [HandKind.BREAK, text.kind.break],
  [HandKind.OTHER, text.kind.other],
];

export function kindName({ kind }: Hand): string {
  return KINDS.find(([each]) => each === kind)?.[1] ?? text.kind.other;
}

/** Return the time at which a hand was raised, in milliseconds. */
export function raisedAt({ raiseTime }: Hand): number {
  return raiseTime ? timestampMs(raiseTime) : 0;
}
