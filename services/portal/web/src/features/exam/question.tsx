// One question of an assessment and the field for its answer.
import type { JSX, TargetedEvent } from "preact";
import type { Choice, Item } from "../../gen/proctorium/assessment/v1/items_pb";
import { worth } from "../../messages/format";
import type { AnswerSheet } from "./answer-sheet";
import { NumberField } from "./number-field";

interface QuestionProps {
  item: Item;
  number: number;
  of: number;
  sheet: AnswerSheet;
}

export function Question({ item, number, of, sheet }: QuestionProps): JSX.Element {
  return (
    <fieldset>
      <legend>
        <span class="quiet numbering">
          Question {number} of {of}{" "}
        </span>
        <span class="text">{item.prompt}</span> <span class="quiet">({worth(item.points)})</span>
      </legend>
      <Field item={item} number={number} sheet={sheet} />
    </fieldset>
  );
}

interface FieldProps {
  item: Item;
  number: number;
  sheet: AnswerSheet;
}

function Field({ item, number, sheet }: FieldProps): JSX.Element | null {
  const kind = item.kind;
  switch (kind.case) {
    case "singleChoice":
      return <SingleChoice item={item} number={number} sheet={sheet} choices={kind.value.choices} />;
    case "multipleChoice":
      return <MultipleChoice item={item} sheet={sheet} choices={kind.value.choices} />;
    case "trueFalse":
      return <TrueFalse item={item} number={number} sheet={sheet} />;
    case "numeric":
      return <NumberField itemId={item.itemId} unit={kind.value.unit} sheet={sheet} />;
    default:
      return null;
  }
}

function SingleChoice({ item, number, sheet, choices }: FieldProps & { choices: readonly Choice[] }): JSX.Element {
  const chosen = sheet.chosen(item.itemId);
  return (
    <>
      {choices.map(({ choiceId, text }) => (
        <Option
          key={choiceId}
          type="radio"
          name={item.itemId}
          value={choiceId}
          checked={chosen.includes(choiceId)}
          onChange={() => sheet.choose(item.itemId, choiceId)}
          text={text}
        />
      ))}
      <Clear item={item} number={number} sheet={sheet} />
    </>
  );
}

function MultipleChoice({
  item,
  sheet,
  choices,
}: {
  item: Item;
  sheet: AnswerSheet;
  choices: readonly Choice[];
}): JSX.Element {
  const chosen = sheet.chosen(item.itemId);
  return (
    <>
      {choices.map(({ choiceId, text }) => (
        <Option
          key={choiceId}
          type="checkbox"
          name={item.itemId}
          value={choiceId}
          checked={chosen.includes(choiceId)}
          onChange={(event) => sheet.toggle(item.itemId, choiceId, event.currentTarget.checked)}
          text={text}
        />
      ))}
    </>
  );
}

function TrueFalse({ item, number, sheet }: FieldProps): JSX.Element {
  const { value } = sheet.answer(item.itemId);
  const given = value.case === "truth" ? value.value : undefined;
  return (
    <>
      {[true, false].map((truth) => (
        <Option
          key={String(truth)}
          type="radio"
          name={item.itemId}
          value={String(truth)}
          checked={given === truth}
          onChange={() => sheet.decide(item.itemId, truth)}
          text={truth ? "True" : "False"}
        />
      ))}
      <Clear item={item} number={number} sheet={sheet} />
    </>
  );
}

interface OptionProps {
  type: "radio" | "checkbox";
  name: string;
  value: string;
  checked: boolean;
  onChange: (event: TargetedEvent<HTMLInputElement>) => void;
  text: string;
}

function Option({ text, ...input }: OptionProps): JSX.Element {
  return (
    <label class="choice">
      <input {...input} />
      <span class="text">{text}</span>
    </label>
  );
}

/** A browser offers no way to take back the choice of a radio button. */
function Clear({ item, number, sheet }: FieldProps): JSX.Element | null {
  if (!sheet.isAnswered(item.itemId)) return null;
  const clear = (event: TargetedEvent<HTMLButtonElement>): void => {
    // The button disappears: the keyboard goes on at the choices.
    event.currentTarget.closest("fieldset")?.querySelector("input")?.focus();
    sheet.clear(item.itemId);
  };
  return (
    <button type="button" class="plain" onClick={clear}>
      Clear my answer <span class="visually-hidden">to question {number}</span>
    </button>
  );
}
