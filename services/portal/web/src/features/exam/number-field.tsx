// The field for a number. Its text may be no number, or one that can be read in two ways: then it is no answer, and the learner is asked.
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { AnswerSheet } from "./answer-sheet";
import { plainNumber, type Reading, readNumber } from "./parse-number";

interface NumberFieldProps {
  itemId: string;
  unit: string;
  sheet: AnswerSheet;
}

export function NumberField({ itemId, unit, sheet }: NumberFieldProps): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const text = sheet.text(itemId);
  const reading = readNumber(text);
  const note = `note-${itemId}`;
  const mean = (meant: string): void => {
    sheet.type(itemId, meant);
    field.current?.focus();
  };
  return (
    <>
      <label class="choice">
        <span class="visually-hidden">Your answer</span>
        <input
          ref={field}
          inputMode="decimal"
          name={itemId}
          value={text}
          autoComplete="off"
          aria-invalid={sheet.isUnsavable(itemId)}
          aria-describedby={note}
          onInput={(event) => sheet.type(itemId, event.currentTarget.value)}
        />{" "}
        {unit}
      </label>
      <div id={note} role="status">
        <Note text={text} reading={reading} />
      </div>
      {reading.kind === "ambiguous" && (
        <div class="row" role="group" aria-label="Which number do you mean?">
          {reading.meanings.map((meant) => (
            <button key={meant} type="button" class="plain" onClick={() => mean(meant)}>
              {meant}
            </button>
          ))}
        </div>
      )}
    </>
  );
}

function Note({ text, reading }: { text: string; reading: Reading }): JSX.Element | null {
  switch (reading.kind) {
    case "unreadable":
      return (
        <p class="problem-text">
          This is not a number, so nothing is saved for this question. Write it like 1000, 0.5 or -3, without spaces.
        </p>
      );
    case "ambiguous":
      return (
        <p class="problem-text">
          This can be read in two ways. Which number do you mean? Until you choose one, nothing is saved for this
          question.
        </p>
      );
    case "number": {
      const taken = plainNumber(reading.value);
      return text.trim() === taken ? null : <p class="quiet">Taken as {taken}.</p>;
    }
    default:
      return null;
  }
}
