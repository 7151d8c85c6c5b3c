// A field for a day and time that says when the reader's clocks skip it, and asks which is meant when they show it twice.
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Field } from "./forms";
import { instantsOf, ZONE } from "./local-time";
import { timeWithOffset } from "./words";

const NO_SUCH_TIME = "This is not a day and time, so nothing was saved. Write it like 2027-03-01T09:00.";
const SKIPPED = `This time does not exist in ${ZONE}: the clocks are put forward over it on that day. Choose an earlier or a later time.`;
const UNDECIDED = "Choose which of the two times you mean.";

export interface Moment {
  /** The one instant that was chosen. */
  time: Timestamp | undefined;
  /** Why there is none. */
  wrong: string | undefined;
}

/** The instant that a `MomentField` of this name stands for; `text` reads the fields of the form. */
export function momentOf(text: (name: string) => string, name: string): Moment {
  const instants = instantsOf(text(name));
  const meant = instants?.length === 2 ? instants[Number(text(occurrenceOf(name)) || Number.NaN)] : instants?.[0];
  if (meant !== undefined) return { time: timestampFromDate(new Date(meant)), wrong: undefined };
  const wrong = instants === undefined ? NO_SUCH_TIME : instants.length === 0 ? SKIPPED : UNDECIDED;
  return { time: undefined, wrong };
}

function occurrenceOf(name: string): string {
  return `${name}.occurrence`;
}

interface MomentFieldProps {
  label: string;
  name: string;
  /** What the form found wrong with it when it was submitted. */
  wrong: string | undefined;
  /** Called when another text stands in it. */
  changed: () => void;
}

export function MomentField({ label, name, wrong, changed }: MomentFieldProps): JSX.Element {
  const [text, setText] = useState("");
  const instants = instantsOf(text);
  return (
    <>
      <Field
        label={label}
        hint={`In your time zone, ${ZONE}.`}
        wrong={instants?.length === 0 ? SKIPPED : wrong}
        name={name}
        type="datetime-local"
        required
        onInput={(event) => {
          setText(event.currentTarget.value);
          changed();
        }}
      />
      {instants?.length === 2 && (
        <fieldset key={text} class="several">
          <legend>The clocks are put back then, so this time comes twice in {ZONE}. Which do you mean?</legend>
          {instants.map((instant, index) => (
            <label key={instant} class="choice">
              <input type="radio" name={occurrenceOf(name)} value={index} required />
              {index === 0 ? "The first" : "The second"}, {timeWithOffset(instant)}
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
