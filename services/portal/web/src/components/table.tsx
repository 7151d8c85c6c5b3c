// A table of facts, for lists that are short or paged. On a narrow screen, each row is shown as a card. Tables that are
// sorted, selected or very long use DataTable.
import type { ComponentChildren, JSX } from "preact";

export interface TableColumn<Row> {
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** Whether the cells are the headers of their rows. */
  isHeader?: boolean;
}

interface TableProps<Row> {
  caption: string;
  columns: readonly TableColumn<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row, index: number) => string | number | undefined;
}

/** A table. Place it in an element with the class `stacking`, whose width decides whether the rows become cards. */
export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>): JSX.Element {
  return (
    <table class="stacks" role="table">
      <caption class="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ title }) => (
            <th key={title} scope="col" role="columnheader">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row, index) => (
          <tr key={keyOf(row, index)} role="row">
            {columns.map((column) => (
              <Cell key={column.title} column={column} row={row} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell<Row>({ column: { title, cell, isHeader }, row }: { column: TableColumn<Row>; row: Row }): JSX.Element {
  if (isHeader)
    return (
      <th scope="row" role="rowheader">
        {cell(row)}
      </th>
    );
  return (
    <td role="cell" data-label={title}>
      <div>{cell(row)}</div>
    </td>
  );
}
