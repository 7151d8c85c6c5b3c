// Granting extra time to one learner or to everybody, and taking it back.
import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { ProblemError } from "../../api/errors";
import { Field } from "../../components/fields";
import type { FormValues } from "../../components/form-values";
import { messages } from "../../messages";
import { refusals, throwRefusal } from "./outcomes";
import { ReasonForm } from "./reason-form";

const text = messages.supervision;

const MAX_MINUTES = 24 * 60;

interface ExtraTimeProps {
  sessionId: string;
  /** The learner; undefined for everybody. */
  learner?: { participantId: string; name: string };
}

export function ExtraTime({ sessionId, learner }: ExtraTimeProps): JSX.Element {
  return (
    <ReasonForm
      label={learner ? text.extraTime : text.extraTimeForAll}
      {...(learner ? { subject: learner.name } : {})}
      title={text.extraTimeForm(learner?.name)}
      field="extra_time_reason"
      reasonLabel={text.extraTimeReason}
      reasonHint={learner ? text.learnerReadsReason : text.learnersReadReason}
      consequence={learner ? text.extraTimeConsequence : text.extraTimeConsequenceForAll}
      confirmLabel={text.extraTimeConfirm}
      cancelLabel={text.extraTimeCancel}
      action={async (requestId, extraTimeReason, values) => {
        const { outcomes } = await supervision.grantExtraTime({
          requestId,
          sessionId,
          participantIds: learner ? [learner.participantId] : [],
          amount: amountOf(values),
          extraTimeReason,
        });
        if (learner) throwRefusal(outcomes);
        const refused = refusals(outcomes);
        if (refused.length > 0) throw new ProblemError("EXTRA_TIME_REFUSED", text.extraTimeRefused(refused.length));
      }}
    >
      <ExtraTimeFields />
    </ReasonForm>
  );
}

export function ExtraTimeFields(): JSX.Element {
  return (
    <Field
      label={text.extraTimeMinutes}
      hint={text.extraTimeMinutesHint}
      name="amount"
      type="number"
      min={-MAX_MINUTES}
      max={MAX_MINUTES}
      step={1}
      required
      autoFocus
    />
  );
}

/** Return the amount that was entered in the fields. */
export function amountOf({ value }: FormValues): Duration {
  return durationFromMs(Math.round(Number(value("amount")) * 60) * 1000);
}
