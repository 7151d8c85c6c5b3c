// The fields of the break policy on the page that schedules a session.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { CheckboxGroup, Field } from "../../components/fields";
import type { FormValues } from "../../components/form-values";
import type { BreakPolicySchema } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.breaks;

export function BreakPolicyFields(): JSX.Element {
  return (
    <>
      <Field
        label={text.count}
        hint={text.countHint}
        name="plan.break_policy.count"
        type="number"
        min={0}
        max={20}
        defaultValue="0"
        required
      />
      <Field label={text.length} name="plan.break_policy.length" type="number" min={1} max={120} defaultValue="10" />
      <Field label={text.total} hint={text.totalHint} name="plan.break_policy.total" type="number" min={1} max={600} />
      <CheckboxGroup
        legend={text.clock}
        name="plan.break_policy.clock_stops"
        options={[{ value: "stops", text: text.stopClock, checked: true }]}
        empty=""
      />
    </>
  );
}

/** Return the break policy of a submitted form. Without breaks, the other limits do not count. */
export function readBreakPolicy({ value, values }: FormValues): MessageInitShape<typeof BreakPolicySchema> {
  const count = Number(value("plan.break_policy.count"));
  const clockStops = values("plan.break_policy.clock_stops").length > 0;
  if (count === 0) return { clockStops };
  const [length, total] = ["length", "total"].map((name) => minutesOf(value(`plan.break_policy.${name}`)));
  return { count, clockStops, ...(length && { length }), ...(total && { total }) };
}

function minutesOf(entered: string): ReturnType<typeof durationFromMs> | undefined {
  return entered === "" ? undefined : durationFromMs(Number(entered) * 60_000);
}
