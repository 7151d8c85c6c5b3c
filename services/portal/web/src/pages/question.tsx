// One question of an assessment and the field for its answer.
import { create } from "@bufbuild/protobuf";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Answer, AnswerSchema, type Choice, ChosenChoicesSchema, type Item } from "../gen/proctorium/assessment/v1/items_pb";
import { counted } from "../words";

/** Whether something counts as an answer. */
export function isGiven(answer: Answer | undefined): boolean {
  if (answer?.value.case === undefined) return false;
  return answer.value.case !== "chosen" || answer.value.value.choiceIds.length > 0;
}

interface QuestionProps {
  item: Item;
  answer: Answer | undefined;
  change: (answer: Answer) => void;
}

interface Marking {
  /** Hears whether something stands in the field that cannot be saved. */
  mark: (wrong: boolean) => void;
}

export function Question({ item, number, of, answer, change, mark }: QuestionProps & Marking & { number: number; of: number }): JSX.Element {
  return (
    <fieldset>
      <legend>
        <span class="quiet numbering">
          Question {number} of {of}{" "}
        </span>
        {item.prompt} <span class="quiet">({counted(item.points, "point")})</span>
      </legend>
      <Field item={item} answer={answer} change={change} mark={mark} />
    </fieldset>
  );
}

function Field({ item, answer, change, mark }: QuestionProps & Marking): JSX.Element | null {
  const kind = item.kind;
  switch (kind.case) {
    case "singleChoice":
      return <Choices item={item} choices={kind.value.choices} several={false} answer={answer} change={change} />;
    case "multipleChoice":
      return <Choices item={item} choices={kind.value.choices} several answer={answer} change={change} />;
    case "trueFalse":
      return <Truth item={item} answer={answer} change={change} />;
    case "numeric":
      return <NumberField item={item} unit={kind.value.unit} answer={answer} change={change} mark={mark} />;
    default:
      return null;
  }
}

function Choices({ item, choices, several, answer, change }: QuestionProps & { choices: Choice[]; several: boolean }): JSX.Element {
  const chosen = answer?.value.case === "chosen" ? answer.value.value.choiceIds : [];
  const toggle = (id: string, on: boolean): void => {
    const rest = several ? chosen.filter((other) => other !== id) : [];
    const choiceIds = on ? [...rest, id] : rest;
    change(create(AnswerSchema, { value: { case: "chosen", value: create(ChosenChoicesSchema, { choiceIds }) } }));
  };
  return (
    <>
      {choices.map((choice) => (
        <label key={choice.choiceId} class="choice">
          <input
            type={several ? "checkbox" : "radio"}
            name={item.itemId}
            value={choice.choiceId}
            checked={chosen.includes(choice.choiceId)}
            onChange={(event) => toggle(choice.choiceId, event.currentTarget.checked)}
          />
          {choice.text}
        </label>
      ))}
    </>
  );
}

function Truth({ item, answer, change }: QuestionProps): JSX.Element {
  const given = answer?.value.case === "truth" ? answer.value.value : undefined;
  return (
    <>
      {[true, false].map((truth) => (
        <label key={String(truth)} class="choice">
          <input
            type="radio"
            name={item.itemId}
            value={String(truth)}
            checked={given === truth}
            onChange={() => change(create(AnswerSchema, { value: { case: "truth", value: truth } }))}
          />
          {truth ? "True" : "False"}
        </label>
      ))}
    </>
  );
}

const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)$/;
const TWO_WAYS = /^[+-]?[1-9]\d{0,2},\d{3}$/;
const NO_NUMBER = "This is not a number, so it cannot be saved. Write it like 1000, 0.5 or -3.";

/** What was typed, as a number; or what is wrong with it; neither where nothing was. */
interface Reading {
  number?: number;
  wrong?: string;
}

/** Reads digits with a sign and one decimal point or comma. What says a thousand to some people and one to others is asked for anew. */
function readNumber(typed: string): Reading {
  const text = typed.trim().replace("\u2212", "-");
  const number = Number(text.replace(",", "."));
  if (text === "") return {};
  if (TWO_WAYS.test(text)) {
    const one = Number.isInteger(number) ? number.toFixed(1) : String(number);
    return { wrong: `This can be read in two ways, so it cannot be saved. Write ${text.replace(",", "")} or ${one}.` };
  }
  return DECIMAL.test(text.replace(",", ".")) && Number.isFinite(number) ? { number } : { wrong: NO_NUMBER };
}

function NumberField({ item, unit, answer, change, mark }: QuestionProps & Marking & { unit: string }): JSX.Element {
  const given = answer?.value.case === "number" ? String(answer.value.value) : "";
  const [text, setText] = useState(given);
  // What is saved is a number however it is written, very small ones with an exponent.
  const { number, wrong }: Reading = given !== "" && text === given ? { number: Number(given) } : readNumber(text);
  useEffect(() => {
    // An answer from another device has taken the place of what was typed here.
    if (given === "" ? wrong === undefined : Number(given) !== number) setText(given);
  }, [given]);
  useEffect(() => mark(wrong !== undefined), [wrong === undefined]);
  const type = (typed: string): void => {
    setText(typed);
    const { number: value, wrong: unread } = readNumber(typed);
    if (value !== undefined) change(create(AnswerSchema, { value: { case: "number", value } }));
    else if (unread === undefined) change(create(AnswerSchema, {}));
  };
  const note = `note-${item.itemId}`;
  return (
    <>
      <label class="choice">
        <span class="visually-hidden">Your answer</span>
        <input
          inputMode="decimal"
          name={item.itemId}
          value={text}
          autoComplete="off"
          aria-invalid={wrong !== undefined}
          aria-describedby={note}
          onInput={(event) => type(event.currentTarget.value)}
        />{" "}
        {unit}
      </label>
      <div id={note} role="status">
        {wrong && (
          <p class="problem-text">
            {wrong} {given === "" ? "Nothing is saved for this question." : `Saved is ${given}.`}
          </p>
        )}
        {number !== undefined && text.trim() !== given && <p class="quiet">Taken as {given}.</p>}
      </div>
    </>
  );
}
