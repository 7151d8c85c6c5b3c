// The fields of the disconnect policy on the page that schedules a session.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { Field } from "../../components/fields";
import type { FormValues } from "../../components/form-values";
import type { DisconnectPolicySchema } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.disconnects;

export function DisconnectPolicyFields(): JSX.Element {
  return (
    <Field
      label={text.returnedLimit}
      hint={text.returnedLimitHint}
      name="plan.disconnect_policy.returned_limit"
      type="number"
      min={0}
      max={120}
      defaultValue="0"
      required
    />
  );
}

/** Return the disconnect policy of a submitted form. */
export function readDisconnectPolicy({ value }: FormValues): MessageInitShape<typeof DisconnectPolicySchema> {
  const minutes = Number(value("plan.disconnect_policy.returned_limit"));
  return { returnedLimit: durationFromMs(minutes * 60_000) };
}
