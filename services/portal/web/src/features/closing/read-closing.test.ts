import { expect, it } from "vitest";
import { readClosing } from "./read-closing";

function read(countdown: string, autoClose: string, reopen = "5"): ReturnType<typeof readClosing> {
  const entered: Record<string, string> = {
    "plan.closing_countdown": countdown,
    "plan.auto_close_after": autoClose,
    "plan.reopen_window": reopen,
  };
  return readClosing({ value: (name) => entered[name] ?? "", values: () => [] });
}

it("reads the countdown in seconds, and the other times in minutes", () => {
  const { closingCountdown, autoCloseAfter, reopenWindow } = read("90", "5", "7");
  expect(closingCountdown.seconds).toBe(90n);
  expect(autoCloseAfter?.seconds).toBe(300n);
  expect(reopenWindow.seconds).toBe(420n);
});

it("keeps zero, which differs from an empty field", () => {
  expect(read("0", "0").closingCountdown.seconds).toBe(0n);
  expect(read("0", "0").autoCloseAfter?.seconds).toBe(0n);
  expect(read("0", "0", "0").reopenWindow.seconds).toBe(0n);
  expect(read("0", "")).not.toHaveProperty("autoCloseAfter");
});
