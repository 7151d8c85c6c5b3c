// The design system: the tokens and the components with their states, for developers. The page shows no data and makes no calls.
import { CalendarClock, CircleCheck, Download, Plus, Users } from "lucide";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Badge, ProctoredBadge } from "../../components/badge";
import { ConfirmButton } from "../../components/confirm-button";
import { Dialog } from "../../components/dialog";
import { EmptyState } from "../../components/empty-state";
import { Checkbox, CheckboxGroup, Field, RadioGroup, Select, TextArea } from "../../components/fields";
import { Icon } from "../../components/icon";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { Progress } from "../../components/progress";
import { Table } from "../../components/table";
import { Interactive } from "./interactive-examples";
import { Section } from "./section";

const COLOURS = [
  "ink",
  "quiet",
  "paper",
  "card",
  "sunken",
  "chip",
  "line",
  "line-strong",
  "accent",
  "accent-strong",
  "accent-paper",
  "good",
  "good-paper",
  "wait",
  "wait-paper",
  "bad",
  "bad-paper",
];

export function DesignPage(): JSX.Element {
  return (
    <div lang="en" class="design">
      <PageTitle>Design system</PageTitle>
      <p class="quiet">
        The tokens and components of the pages, in the theme of the system. Pages use these components only.
      </p>
      <Section title="Colours">
        <ul class="swatches">
          {COLOURS.map((name) => (
            <li key={name}>
              <svg viewBox="0 0 100 40" aria-hidden="true" preserveAspectRatio="none">
                <rect width="100" height="40" fill={`var(--${name})`} />
              </svg>
              <code>{name}</code>
            </li>
          ))}
        </ul>
      </Section>
      <Section title="Type">
        <h3>Heading of a card</h3>
        <p>Body: a learner reads this under pressure, so sentences are short.</p>
        <p class="quiet">Quiet: what is true but not urgent.</p>
        <p>
          Code: <span class="code">aB3dE5fG</span>
        </p>
      </Section>
      <Section title="Head of a page">
        <div class="page-header">
          <h3>The title of the page</h3>
          <div class="row">
            <button type="button">
              <Icon of={Plus} />
              Action of the page
            </button>
          </div>
        </div>
      </Section>
      <Buttons />
      <Section title="Badges">
        <p class="row">
          <Badge tone="plain">Not authorised</Badge>
          <Badge tone="good">Connected</Badge>
          <Badge tone="wait">To authorise</Badge>
          <Badge tone="bad">Disconnected</Badge>
          <ProctoredBadge />
        </p>
      </Section>
      <Fields />
      <Section title="Notes and problems">
        <p class="note">A note that explains what happens next.</p>
        <ProblemNote problem={{ reason: "EXAMPLE", sentence: "What happened, why, and what to do next." }} />
      </Section>
      <ExampleTable />
      <Section title="Empty, loading and progress">
        <EmptyState icon={CalendarClock}>
          <p>Nothing is planned yet. This sentence says what the person can do.</p>
        </EmptyState>
        <Loading what="the example" />
        <Progress value={2} max={5} label="2 of 5 steps" />
      </Section>
      <Interactive />
      <ExampleDialog />
    </div>
  );
}

function Buttons(): JSX.Element {
  return (
    <Section title="Buttons">
      <p class="row">
        <button type="button">
          <Icon of={Plus} />
          Primary
        </button>
        <button type="button" class="plain">
          <Icon of={Download} />
          Secondary
        </button>
        <button type="button" class="danger">
          Cannot be undone
        </button>
        <button type="button" class="link">
          Link
        </button>
        <button type="button" disabled>
          Busy
        </button>
      </p>
      <ConfirmButton
        label="Ask first…"
        consequence="This is what happens."
        confirmLabel="Do it now"
        cancelLabel="Do not do it"
        busy={false}
        onConfirm={() => undefined}
      />
    </Section>
  );
}

function Fields(): JSX.Element {
  return (
    <Section title="Fields">
      <form onSubmit={(event) => event.preventDefault()}>
        <Field label="Title" hint="A hint that stays while the person types." name="title" />
        <Field label="With an error" name="invalid" error="Write it like 2027-03-01." />
        <Select label="Course" name="course">
          <option>Laboratory safety</option>
        </Select>
        <TextArea label="Reason" name="reason" rows={2} />
        <Checkbox label="A choice of its own" hint="What the choice means." name="choice" />
        <CheckboxGroup
          legend="Several of these"
          name="several"
          empty=""
          options={[
            { value: "a", text: "Checked", checked: true },
            { value: "b", text: "Unchecked" },
          ]}
        />
        <RadioGroup
          legend="One of these"
          name="one"
          options={[
            { value: "a", text: "Chosen", checked: true },
            { value: "b", text: "Not chosen" },
          ]}
        />
      </form>
    </Section>
  );
}

const ROWS = [
  ["Lena Fischer", "Connected", "good"],
  ["Omar Haddad", "Disconnected", "bad"],
] as const;

function ExampleTable(): JSX.Element {
  return (
    <Section title="Table">
      <div class="stacking">
        <Table
          caption="Example"
          columns={[
            { title: "Learner", isHeader: true, cell: ([name]) => name },
            { title: "Connection", cell: ([, state, tone]) => <Badge tone={tone}>{state}</Badge> },
          ]}
          rows={ROWS}
          keyOf={([name]) => name}
        />
      </div>
    </Section>
  );
}

function ExampleDialog(): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <Section title="Dialog">
      <button type="button" class="plain" onClick={() => setOpen(true)}>
        <Icon of={Users} />
        Open the dialog
      </button>
      {open && (
        <Dialog title="Example dialog" onClose={() => setOpen(false)}>
          <p class="row">
            <Icon of={CircleCheck} />
            The native element keeps the focus inside, and Escape closes it.
          </p>
        </Dialog>
      )}
    </Section>
  );
}
