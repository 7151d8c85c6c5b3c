// The times for the end of a session in the form that schedules a session.
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { FormValues } from "../../components/form-values";

/**
 * Return the times in a submitted form. If the field for the automatic closing is empty, the default of the service
 * applies.
 */
export function readClosing({ value }: FormValues): {
  closingCountdown: ReturnType<typeof durationFromMs>;
  autoCloseAfter?: ReturnType<typeof durationFromMs>;
  reopenWindow: ReturnType<typeof durationFromMs>;
} {
  const autoClose = value("plan.auto_close_after");
  return {
    closingCountdown: durationFromMs(Number(value("plan.closing_countdown")) * 1000),
    reopenWindow: durationFromMs(Number(value("plan.reopen_window")) * 60_000),
    ...(autoClose !== "" && { autoCloseAfter: durationFromMs(Number(autoClose) * 60_000) }),
  };
}
