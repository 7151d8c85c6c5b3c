// The field for a number. If the text is not a number, the field saves no answer and asks the learner to correct the
// text. If the text can mean two numbers, the field saves no answer and asks the learner to choose one of them.
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { messages } from "../../messages";
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
  const choose = (meaning: string): void => {
    sheet.type(itemId, meaning);
    field.current?.focus();
  };
  return (
    <>
      <label class="choice">
        <span class="visually-hidden">{messages.exam.yourAnswer}</span>
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
        <bdi>{unit}</bdi>
      </label>
      <div id={note} role="status">
        <Note text={text} reading={reading} />
      </div>
      {reading.kind === "ambiguous" && (
        <div class="row" role="group" aria-label={messages.exam.whichNumber}>
          {reading.meanings.map((meaning) => (
            <button key={meaning} type="button" class="plain" onClick={() => choose(meaning)}>
              {meaning}
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
      return <p class="problem-text">{messages.exam.notANumber}</p>;
    case "ambiguous":
      return <p class="problem-text">{messages.exam.ambiguousNumber}</p>;
    case "number": {
      const plain = plainNumber(reading.value);
      return text.trim() === plain ? null : <p class="quiet">{messages.exam.readAs(plain)}</p>;
    }
    default:
      return null;
  }
}
