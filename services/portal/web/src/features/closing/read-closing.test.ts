import { expect, it } from "vitest";
import { readClosing } from "./read-closing";

function read(countdown: string, autoClose: string): ReturnType<typeof readClosing> {
  const entered: Record<string, string> = {
    "plan.closing_countdown": countdown,
    "plan.auto_close_after": autoClose,
  };
  return readClosing({ value: (name) => entered[name] ?? "", values: () => [] });
}

it("reads the countdown in seconds and the automatic end in minutes", () => {
  const { closingCountdown, autoCloseAfter } = read("90", "5");
  expect(closingCountdown.seconds).toBe(90n);
  expect(autoCloseAfter?.seconds).toBe(300n);
});

it("keeps zero, which differs from an empty field", () => {
  expect(read("0", "0").closingCountdown.seconds).toBe(0n);
  expect(read("0", "0").autoCloseAfter?.seconds).toBe(0n);
  expect(read("0", "")).not.toHaveProperty("autoCloseAfter");
});
