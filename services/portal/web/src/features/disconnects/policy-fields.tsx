// The fields of the disconnect policy on the page that schedules a session.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { CheckboxGroup, Field } from "../../components/fields";
import type { FormValues } from "../../components/form-values";
import type { DisconnectPolicySchema } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.disconnects;

export function DisconnectPolicyFields(): JSX.Element {
  return (
    <>
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
      <CheckboxGroup
        legend={text.approval}
        name="plan.disconnect_policy.requires_approval"
        options={[{ value: "required", text: text.requiresApproval }]}
        empty=""
      />
      <Field
        label={text.approvalGrace}
        hint={text.approvalGraceHint}
        name="plan.disconnect_policy.approval_grace"
        type="number"
        min={0}
        max={600}
        defaultValue="30"
        required
      />
    </>
  );
}

/** Return the disconnect policy of a submitted form. */
export function readDisconnectPolicy({ value, values }: FormValues): MessageInitShape<typeof DisconnectPolicySchema> {
  const minutes = Number(value("plan.disconnect_policy.returned_limit"));
  const seconds = Number(value("plan.disconnect_policy.approval_grace"));
  return {
    returnedLimit: durationFromMs(minutes * 60_000),
    requiresApproval: values("plan.disconnect_policy.requires_approval").length > 0,
    approvalGrace: durationFromMs(seconds * 1000),
  };
}
