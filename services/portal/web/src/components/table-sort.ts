// The order of the rows of a table.

export interface Sort {
  column: string;
  descending: boolean;
}

/** Return the order after a press on the head of a column: ascending, then descending, then the default order. */
export function nextSort(sort: Sort | undefined, column: string): Sort | undefined {
  if (sort?.column !== column) return { column, descending: false };
  return sort.descending ? undefined : { column, descending: true };
}

/**
 * Return a sorted copy of the rows, or the rows themselves if there is no order. Equal rows stay in their default
 * order.
 */
export function sortedRows<Row>(
  rows: readonly Row[],
  sort: Sort | undefined,
  compareOf: (column: string) => ((one: Row, other: Row) => number) | undefined,
): readonly Row[] {
  const compare = sort && compareOf(sort.column);
  if (sort === undefined || compare === undefined) return rows;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((one, other) => sign * compare(one, other));
}

/** Return the selection after all `keys` were selected, or unselected if all of them are selected already. */
export function toggledAll(selected: ReadonlySet<string>, keys: readonly string[]): ReadonlySet<string> {
  const all = keys.length > 0 && keys.every((key) => selected.has(key));
  const others = [...selected].filter((key) => !keys.includes(key));
  return new Set(all ? others : [...selected, ...keys]);
}

/** Return the selection after one key was selected or unselected. */
export function toggled(selected: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const after = new Set(selected);
  if (!after.delete(key)) after.add(key);
  return after;
}
