// One question of an assessment and the field for its answer.
import type { JSX, TargetedEvent } from "preact";
import type { Choice, Item } from "../../gen/proctorium/assessment/v1/items_pb";
import { messages } from "../../messages";
import type { AnswerSheet } from "./answer-sheet";
import { NumberField } from "./number-field";

const text = messages.exam;

interface QuestionProps {
  item: Item;
  number: number;
  of: number;
  sheet: AnswerSheet;
  disabled: boolean;
}

export function Question({ item, number, of, sheet, disabled }: QuestionProps): JSX.Element {
  return (
    <fieldset disabled={disabled}>
      <legend>
        <span class="quiet numbering">{text.questionNumber(number, of)} </span>
        <span class="text" dir="auto">
          {item.prompt}
        </span>{" "}
        <span class="quiet">{text.questionPoints(messages.common.points(item.points))}</span>
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
      {choices.map(({ choiceId, text: label }) => (
        <Option
          key={choiceId}
          type="radio"
          name={item.itemId}
          value={choiceId}
          checked={chosen.includes(choiceId)}
          onChange={() => sheet.choose(item.itemId, choiceId)}
          label={label}
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
      {choices.map(({ choiceId, text: label }) => (
        <Option
          key={choiceId}
          type="checkbox"
          name={item.itemId}
          value={choiceId}
          checked={chosen.includes(choiceId)}
          onChange={(event) => sheet.toggle(item.itemId, choiceId, event.currentTarget.checked)}
          label={label}
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
          label={truth ? text.true : text.false}
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
  label: string;
}

function Option({ label, ...input }: OptionProps): JSX.Element {
  return (
    <label class="choice">
      <input {...input} />
      <span class="text" dir="auto">
        {label}
      </span>
    </label>
  );
}

/** A button that clears the answer, because a person cannot uncheck a radio button. */
function Clear({ item, number, sheet }: FieldProps): JSX.Element | null {
  if (!sheet.isAnswered(item.itemId)) return null;
  const clear = (event: TargetedEvent<HTMLButtonElement>): void => {
    // This button is removed when the answer is cleared, so move the focus to the first choice.
    event.currentTarget.closest("fieldset")?.querySelector("input")?.focus();
    sheet.clear(item.itemId);
  };
  return (
    <button type="button" class="plain" onClick={clear}>
      {text.clearAnswer} <span class="visually-hidden">{text.toQuestion(number)}</span>
    </button>
  );
}
