// A table of many rows. The rows can be sorted, selected and opened, and only the visible rows are rendered. The Tab
// key reaches only one row, and the arrow keys move between the rows.
import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { messages } from "../messages";
import { Icon } from "./icon";
import { nextSort, type Sort, sortedRows, toggled, toggledAll } from "./table-sort";
import { useVirtualRows, type VirtualRows } from "./use-virtual-rows";

const text = messages.common.table;

export interface Column<Row> {
  id: string;
  title: string;
  /** The width of the column, as a track of a CSS grid. */
  width: string;
  /** Orders rows by this column; undefined if the column cannot be sorted. */
  compare?: (one: Row, other: Row) => number;
  /** The content of a cell. In the first column, it is shown below the name of the row. */
  cell: (row: Row) => ComponentChildren;
}

export interface Selection {
  keys: ReadonlySet<string>;
  onChange: (keys: ReadonlySet<string>) => void;
}

interface DataTableProps<Row> {
  label: string;
  /** The columns. Replace this list only when it changes, because all visible cells are then rendered again. */
  columns: readonly Column<Row>[];
  /** The rows in their default order. */
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** The name of a row. The name is a button that opens the row. */
  nameOf: (row: Row) => string;
  isMarked?: (row: Row) => boolean;
  /** The key of the row whose details are open. */
  opened?: string | undefined;
  onOpen: (row: Row) => void;
  selection?: Selection | undefined;
  /** Handles a key that is pressed in a row and that the table does not handle. */
  onRowKey?: (event: KeyboardEvent, row: Row) => void;
  keyShortcuts?: string;
}

/** The height of a row whose cells have at most two lines. */
const ROW_HEIGHT_PX = 57;

export function DataTable<Row>(props: DataTableProps<Row>): JSX.Element {
  const { label, columns, rows, keyOf, selection, onRowKey } = props;
  const [sort, setSort] = useState<Sort | undefined>(undefined);
  const sorted = useMemo(
    () => sortedRows(rows, sort, (id) => columns.find((column) => column.id === id)?.compare),
    [rows, sort, columns],
  );
  const keys = useMemo(() => sorted.map(keyOf), [sorted]);
  const scroller = useRef<HTMLDivElement>(null);
  const { active, activate, moveTo } = useActiveRow(scroller, keys);
  const virtual = useVirtualRows({
    scroller,
    keys,
    estimatedHeight: ROW_HEIGHT_PX,
    pinned: keys.indexOf(active ?? ""),
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = (event.target as Element).closest<HTMLElement>("[data-row]");
    const index = keys.indexOf(row?.getAttribute("data-row") ?? "");
    const found = sorted[index];
    if (found === undefined || isTyping(event)) return;
    const next = nextRow(event, index, keys.length);
    if (next !== undefined) {
      event.preventDefault();
      moveTo(next, virtual);
    } else if (event.key === "x" && selection && !hasModifier(event)) {
      selection.onChange(toggled(selection.keys, keyOf(found)));
    } else onRowKey?.(event, found);
  };
  const tracks = [...(selection ? ["2.75rem"] : []), ...columns.map(({ width }) => width)].join(" ");
  return (
    <div ref={scroller} class="data-table">
      <table
        role="table"
        aria-label={label}
        aria-rowcount={rows.length + 1}
        style={{ "--tracks": tracks }}
        onKeyDown={onKeyDown}
        onFocusIn={(event) => activate((event.target as Element).closest("[data-row]")?.getAttribute("data-row"))}
      >
        <Head columns={columns} keys={keys} selection={selection} sort={sort} onSort={setSort} />
        <tbody role="rowgroup" style={{ height: `${virtual.getTotalSize()}px` }}>
          {virtual.getVirtualItems().map(({ key, index, start }) => {
            const row = sorted[index];
            if (row === undefined) return null;
            return (
              <VirtualRow
                key={key}
                table={props}
                row={row}
                index={index}
                start={start}
                virtual={virtual}
                isTabStop={active === undefined ? index === 0 : key === active}
              />
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** The row that has the focus, or had it last. It is the only row that the Tab key reaches. */
function useActiveRow(
  scroller: { current: HTMLDivElement | null },
  keys: readonly string[],
): {
  active: string | undefined;
  activate: (key: string | null | undefined) => void;
  moveTo: (index: number, virtual: VirtualRows) => void;
} {
  const [active, setActive] = useState<string | undefined>(undefined);
  const wanted = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const row = scroller.current?.querySelector(`[data-row="${wanted.current}"] .row-name`);
    wanted.current = undefined;
    (row as HTMLElement | null)?.focus({ preventScroll: true });
  }, [active]);
  return {
    active: active !== undefined && keys.includes(active) ? active : undefined,
    activate: (key) => key && setActive(key),
    moveTo: (index, virtual) => {
      wanted.current = keys[index];
      virtual.scrollToIndex(index);
      setActive(keys[index]);
    },
  };
}

const FOCUS_ATTEMPTS = 10;

/**
 * Move the focus to a row. If the table was hidden, its rows are rendered only some frames later, so the row is looked
 * up in several frames.
 */
export function focusRow(key: string, attempts = FOCUS_ATTEMPTS): void {
  requestAnimationFrame(() => {
    const row = document.querySelector<HTMLElement>(`[data-row="${key}"] .row-name`);
    if (row) row.focus();
    else if (attempts > 0) focusRow(key, attempts - 1);
  });
}

function hasModifier({ ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return ctrlKey || metaKey || altKey;
}

function isTyping({ target }: KeyboardEvent): boolean {
  return (target as Element).closest("input:not([type=checkbox]), select, textarea, dialog") !== null;
}

/** Return the index of the row to which a key moves the focus; undefined if the key moves no focus. */
function nextRow(event: KeyboardEvent, index: number, count: number): number | undefined {
  if (hasModifier(event)) return undefined;
  switch (event.key) {
    case "ArrowDown":
    case "j":
      return Math.min(index + 1, count - 1);
    case "ArrowUp":
    case "k":
      return Math.max(index - 1, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

interface HeadProps<Row> {
  columns: readonly Column<Row>[];
  keys: readonly string[];
  selection: Selection | undefined;
  sort: Sort | undefined;
  onSort: (sort: Sort | undefined) => void;
}

function Head<Row>({ columns, keys, selection, sort, onSort }: HeadProps<Row>): JSX.Element {
  const chosen = selection ? keys.filter((key) => selection.keys.has(key)).length : 0;
  const direction = sort?.descending ? "descending" : "ascending";
  return (
    <thead role="rowgroup">
      <tr role="row" aria-rowindex={1}>
        {selection && (
          <th scope="col" role="columnheader" class="select">
            <input
              type="checkbox"
              aria-label={text.selectAll}
              checked={chosen > 0 && chosen === keys.length}
              indeterminate={chosen > 0 && chosen < keys.length}
              onChange={() => selection.onChange(toggledAll(selection.keys, keys))}
            />
          </th>
        )}
        {columns.map(({ id, title, compare }) => (
          <th
            key={id}
            scope="col"
            role="columnheader"
            aria-sort={compare && sort?.column === id ? direction : undefined}
          >
            {compare ? (
              <button type="button" class="sort" onClick={() => onSort(nextSort(sort, id))}>
                {title}
                <Icon of={sort?.column !== id ? ChevronsUpDown : sort.descending ? ArrowDown : ArrowUp} />
              </button>
            ) : (
              title
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface VirtualRowProps<Row> {
  table: DataTableProps<Row>;
  row: Row;
  index: number;
  /** The distance of the row from the top of the table's body, in pixels. */
  start: number;
  virtual: VirtualRows;
  isTabStop: boolean;
}

/**
 * A row at its place. Its cells are rendered again only if the row, the columns, its selection or its tab stop has
 * changed.
 */
function VirtualRow<Row>({ table, row, index, start, virtual, isTabStop }: VirtualRowProps<Row>): JSX.Element {
  const { columns, selection, keyOf } = table;
  const key = keyOf(row);
  const latest = useRef(table);
  latest.current = table;
  const isOpen = table.opened === key;
  const isSelected = selection?.keys.has(key) ?? false;
  const cells = useMemo(
    () => (
      <Cells
        row={row}
        latest={latest}
        columns={columns}
        isTabStop={isTabStop}
        isSelected={isSelected}
        isSelectable={selection !== undefined}
      />
    ),
    [row, columns, isTabStop, isSelected, selection === undefined],
  );
  return (
    <tr
      ref={virtual.measureElement}
      role="row"
      data-row={key}
      data-index={index}
      aria-rowindex={index + 2}
      aria-current={isOpen ? "true" : undefined}
      class={table.isMarked?.(row) ? "marked" : ""}
      style={{ transform: `translateY(${start}px)` }}
    >
      {cells}
    </tr>
  );
}

interface CellsProps<Row> {
  row: Row;
  /** The current properties of the table, for listeners. */
  latest: { current: DataTableProps<Row> };
  columns: readonly Column<Row>[];
  isTabStop: boolean;
  isSelected: boolean;
  isSelectable: boolean;
}

function Cells<Row>({ row, latest, columns, isTabStop, isSelected, isSelectable }: CellsProps<Row>): JSX.Element {
  const { nameOf, keyOf, keyShortcuts } = latest.current;
  const [first, ...others] = columns;
  const tabIndex = isTabStop ? 0 : -1;
  const toggle = (): void => {
    const { selection } = latest.current;
    selection?.onChange(toggled(selection.keys, keyOf(row)));
  };
  return (
    <>
      {isSelectable && (
        <td role="cell" class="select">
          <input
            type="checkbox"
            tabIndex={tabIndex}
            aria-label={text.select(nameOf(row))}
            checked={isSelected}
            onChange={toggle}
          />
        </td>
      )}
      <th scope="row" role="rowheader">
        <button
          type="button"
          class="link row-name"
          dir="auto"
          tabIndex={tabIndex}
          aria-keyshortcuts={keyShortcuts}
          onClick={() => latest.current.onOpen(row)}
        >
          {nameOf(row)}
        </button>
        {first?.cell(row)}
      </th>
      {others.map((column) => (
        <td key={column.id} role="cell" data-label={column.title}>
          {column.cell(row)}
        </td>
      ))}
    </>
  );
}
