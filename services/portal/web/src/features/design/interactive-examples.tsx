// Examples of the components that people operate: tables of many rows, tabs, menus and toasts.
import { Bell, Pause } from "lucide";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Badge } from "../../components/badge";
import { type Column, DataTable } from "../../components/data-table";
import { Menu } from "../../components/menu";
import { Tabs } from "../../components/tabs";
import { showToast, Toasts } from "../../components/toast";
import { Section } from "./section";

export function Interactive(): JSX.Element {
  return (
    <>
      <ManyRows />
      <ExampleTabs />
      <Section title="Menu and toast">
        <div class="row">
          <ExampleMenu />
          <button
            type="button"
            class="plain"
            onClick={() => showToast("Two learners are paused.", { label: "Undo", onChoose: () => undefined })}
          >
            Show a toast
          </button>
        </div>
        <Toasts />
      </Section>
    </>
  );
}

interface Learner {
  id: string;
  name: string;
  answered: number;
}

const LEARNERS: readonly Learner[] = Array.from({ length: 300 }, (_, index) => ({
  id: String(index),
  name: `Learner ${index + 1}`,
  answered: (index * 7) % 11,
}));

const COLUMNS: readonly Column<Learner>[] = [
  {
    id: "name",
    title: "Learner",
    width: "minmax(8rem, 2fr)",
    compare: (one, other) => Number(one.id) - Number(other.id),
    cell: () => null,
  },
  { id: "state", title: "State", width: "1fr", cell: () => <Badge tone="good">In session</Badge> },
  {
    id: "answers",
    title: "Answers",
    width: "1fr",
    compare: (one, other) => one.answered - other.answered,
    cell: ({ answered }) => `${answered} of 10`,
  },
];

function ManyRows(): JSX.Element {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<string | undefined>(undefined);
  return (
    <Section title="Table of many rows">
      <p class="quiet">Only the visible rows are rendered. The arrow keys move between rows, and x selects a row.</p>
      <div class="low">
        <DataTable
          label="Learners"
          columns={COLUMNS}
          rows={LEARNERS}
          keyOf={({ id }) => id}
          nameOf={({ name }) => name}
          isMarked={({ answered }) => answered === 0}
          opened={opened}
          onOpen={({ id }) => setOpened(id)}
          selection={{ keys, onChange: setKeys }}
          keyShortcuts="x"
        />
      </div>
    </Section>
  );
}

function ExampleTabs(): JSX.Element {
  const [shown, setShown] = useState<"overview" | "chat">("overview");
  return (
    <Section title="Tabs">
      <Tabs
        label="Example"
        tabs={[
          { id: "overview", label: "Overview" },
          { id: "chat", label: "Chat" },
        ]}
        shown={shown}
        onShow={setShown}
      >
        <p>{shown === "overview" ? "What is known about the learner." : "What the learner wrote."}</p>
      </Tabs>
    </Section>
  );
}

function ExampleMenu(): JSX.Element {
  const [sound, setSound] = useState(true);
  return (
    <Menu
      label="More"
      items={[
        { label: "Pause everybody…", icon: Pause, onChoose: () => showToast("Chosen: pause.") },
        { label: "Sound", icon: Bell, checked: sound, onChoose: () => setSound(!sound) },
      ]}
    />
  );
}
