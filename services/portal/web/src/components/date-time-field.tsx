// A field for a date and time in the reader's time zone. When clocks are put forward, some local times do not exist.
// When clocks are put back, some local times occur twice. The field shows an error for a time that does not exist, and
// offers a choice for a time that occurs twice.
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messages } from "../messages";
import { timeWithOffset } from "../messages/format";
import { Field } from "./fields";
import { instantsOf, type LocalTime, TIME_ZONE } from "./local-time";

const { common } = messages;

const SKIPPED = messages.common.skippedTime(TIME_ZONE);

export interface DateTimeValue {
  /** The chosen instant; undefined if there is an error. */
  time: Timestamp | undefined;
  /** Why the content of the field has no instant. */
  error: string | undefined;
}

/** Return the value of the `DateTimeField` with the name `name`. `value` returns the content of a form field. */
export function readDateTime(value: (name: string) => string, name: string): DateTimeValue {
  const instants = instantsOf(value(name));
  const chosen = instants?.length === 2 ? instants[Number(value(occurrenceName(name)) || Number.NaN)] : instants?.[0];
  if (chosen !== undefined) return { time: timestampFromDate(new Date(chosen)), error: undefined };
  const error =
    instants === undefined ? common.invalidTime : instants.length === 0 ? SKIPPED : common.repeatedTimeUndecided;
  return { time: undefined, error };
}

/** Return the entered content of the `DateTimeField` with the name `name`. */
export function enteredTime(value: (name: string) => string, name: string): LocalTime {
  return { text: value(name), occurrence: value(occurrenceName(name)) };
}

function occurrenceName(name: string): string {
  return `${name}.occurrence`;
}

interface DateTimeFieldProps {
  label: string;
  name: string;
  /** The initial content of the field. */
  initial?: LocalTime;
  /** The error of the content when the form was submitted. */
  error: string | undefined;
  onChange?: () => void;
}

export function DateTimeField({ label, name, initial, error, onChange }: DateTimeFieldProps): JSX.Element {
  const [text, setText] = useState(initial?.text ?? "");
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
        defaultValue={initial?.text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          onChange?.();
        }}
      />
      {instants?.length === 2 && (
        <fieldset key={text} class="several">
          <legend>{common.repeatedTime(TIME_ZONE)}</legend>
          {instants.map((instant, index) => (
            <label key={instant} class="choice">
              <input
                type="radio"
                name={occurrenceName(name)}
                value={index}
                required
                defaultChecked={text === initial?.text && initial.occurrence === String(index)}
              />
              {index === 0 ? common.firstTime(timeWithOffset(instant)) : common.secondTime(timeWithOffset(instant))}
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
