// A field for a date and time in the reader's time zone. Where clocks change, a time may not exist, or exist twice: then the person is asked.
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messages } from "../messages";
import { timeWithOffset } from "../messages/format";
import { Field } from "./fields";
import { instantsOf, TIME_ZONE } from "./local-time";

const { common } = messages;

const SKIPPED = messages.common.skippedTime(TIME_ZONE);

export interface DateTimeValue {
  /** The one instant that was chosen. */
  time: Timestamp | undefined;
  /** Why there is none. */
  error: string | undefined;
}

/** Return the value of the `DateTimeField` called `name`; `value` reads the fields of the form. */
export function readDateTime(value: (name: string) => string, name: string): DateTimeValue {
  const instants = instantsOf(value(name));
  const chosen = instants?.length === 2 ? instants[Number(value(occurrenceName(name)) || Number.NaN)] : instants?.[0];
  if (chosen !== undefined) return { time: timestampFromDate(new Date(chosen)), error: undefined };
  const error =
    instants === undefined ? common.invalidTime : instants.length === 0 ? SKIPPED : common.repeatedTimeUndecided;
  return { time: undefined, error };
}

function occurrenceName(name: string): string {
  return `${name}.occurrence`;
}

interface DateTimeFieldProps {
  label: string;
  name: string;
  /** What was wrong with it when the form was submitted. */
  error: string | undefined;
  onChange: () => void;
}

export function DateTimeField({ label, name, error, onChange }: DateTimeFieldProps): JSX.Element {
  const [text, setText] = useState("");
  const instants = instantsOf(text);
  return (
    <>
      <Field
        label={label}
        hint={common.inTimeZone(TIME_ZONE)}
        error={instants?.length === 0 ? SKIPPED : error}
        name={name}
        type="datetime-local"
        required
        onInput={(event) => {
          setText(event.currentTarget.value);
          onChange();
        }}
      />
      {instants?.length === 2 && (
        <fieldset key={text} class="several">
          <legend>{common.repeatedTime(TIME_ZONE)}</legend>
          {instants.map((instant, index) => (
            <label key={instant} class="choice">
              <input type="radio" name={occurrenceName(name)} value={index} required />
              {index === 0 ? common.firstTime(timeWithOffset(instant)) : common.secondTime(timeWithOffset(instant))}
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
