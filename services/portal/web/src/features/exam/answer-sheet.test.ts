import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { AttemptSchema, type SavedAnswer, SavedAnswerSchema } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { type Answer, AnswerSchema } from "../../gen/proctorium/assessment/v1/items_pb";
import { AnswerSheet, type Saving } from "./answer-sheet";

const QUESTION = "question";

function number(value: number): Answer {
  return create(AnswerSchema, { value: { case: "number", value } });
}

function saved(sequence: bigint, answer: Answer): SavedAnswer {
  return create(SavedAnswerSchema, { itemId: QUESTION, sequence, answer });
}

/** Records the values that the sheet saves: numbers, truth values, lists of choices, and null for no answer. */
class Recorder implements Saving {
  readonly unacknowledged: { itemId: string; answer: Answer }[] = [];
  readonly changes: unknown[] = [];

  change(_: string, { value }: Answer): void {
    this.changes.push(value.case === "chosen" ? value.value.choiceIds : (value.value ?? null));
  }
}

function sheetOf(...answers: SavedAnswer[]): { sheet: AnswerSheet; recorder: Recorder } {
  const recorder = new Recorder();
  return { sheet: new AnswerSheet(create(AttemptSchema, { answers }), recorder), recorder };
}

function typeKeys(sheet: AnswerSheet, text: string): void {
  for (let length = 1; length <= text.length; length += 1) sheet.type(QUESTION, text.slice(0, length));
}

describe("a number field", () => {
  test.each(["1 250,5", "12,500", "1.250", "1,250", "-", "1e5", "7x"])("keeps no earlier prefix of %j", (text) => {
    const { sheet, recorder } = sheetOf(saved(1n, number(7)));
    typeKeys(sheet, text);
    expect(recorder.changes.at(-1)).toBeNull();
    expect(sheet.isAnswered(QUESTION)).toBe(false);
    expect(sheet.isUnsavable(QUESTION)).toBe(true);
    expect(sheet.text(QUESTION)).toBe(text);
  });

  test("saves what is typed at last, and nothing twice", () => {
    const { sheet, recorder } = sheetOf();
    typeKeys(sheet, "-1.50");
    expect(recorder.changes).toEqual([-1, -1.5]);
    expect(sheet.isAnswered(QUESTION)).toBe(true);
    sheet.type(QUESTION, "");
    expect(recorder.changes.at(-1)).toBeNull();
    expect(sheet.isUnsavable(QUESTION)).toBe(false);
  });

  test("shows a saved number so that it can be typed again", () => {
    expect(sheetOf(saved(1n, number(1e-7))).sheet.text(QUESTION)).toBe("0.0000001");
  });
});

describe("choices", () => {
  test("are all stored when several are made before the page is drawn", () => {
    const { sheet, recorder } = sheetOf();
    sheet.toggle(QUESTION, "a", true);
    sheet.toggle(QUESTION, "b", true);
    sheet.toggle(QUESTION, "a", false);
    expect(recorder.changes).toEqual([["a"], ["a", "b"], ["b"]]);
  });

  test("can be taken back", () => {
    const { sheet, recorder } = sheetOf();
    sheet.choose(QUESTION, "a");
    sheet.clear(QUESTION);
    expect(recorder.changes).toEqual([["a"], null]);
    expect(sheet.isAnswered(QUESTION)).toBe(false);
  });
});

describe("answers from elsewhere", () => {
  test("take the place of what was typed when they are newer", () => {
    const { sheet, recorder } = sheetOf(saved(1n, number(7)));
    sheet.type(QUESTION, "x");
    sheet.adopt([saved(5n, number(9))]);
    expect(sheet.text(QUESTION)).toBe("9");
    expect(sheet.isUnsavable(QUESTION)).toBe(false);
    expect(recorder.changes).toEqual([null]);
  });

  test("are shown once: what is typed afterwards stays", () => {
    const { sheet } = sheetOf();
    const foreign = saved(5n, number(9));
    sheet.adopt([foreign]);
    sheet.type(QUESTION, "4");
    sheet.adopt([foreign]);
    expect(sheet.text(QUESTION)).toBe("4");
  });

  test("change nothing when the attempt was loaded after them", () => {
    const { sheet } = sheetOf(saved(6n, number(7)));
    sheet.adopt([saved(5n, number(9))]);
    expect(sheet.text(QUESTION)).toBe("7");
  });
});

test("what this device has not sent yet counts over what the server has", () => {
  const recorder = new Recorder();
  recorder.unacknowledged.push({ itemId: QUESTION, answer: number(8) });
  const sheet = new AnswerSheet(create(AttemptSchema, { answers: [saved(1n, number(7))] }), recorder);
  expect(sheet.text(QUESTION)).toBe("8");
});
