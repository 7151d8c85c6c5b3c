// Renders only the rows of a long list that are visible.
import {
  defaultRangeExtractor,
  elementScroll,
  measureElement,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** The number of rows that are rendered above the visible rows, and also below them. */
const OVERSCAN = 3;

export type VirtualRows = Virtualizer<HTMLDivElement, HTMLTableRowElement>;

interface VirtualRowsOptions {
  scroller: RefObject<HTMLDivElement | null>;
  /** The keys of all rows, in order. */
  keys: readonly string[];
  /** The expected height of a row in pixels, before it is measured. */
  estimatedHeight: number;
  /** The index of a row that is always rendered, because it has the focus; -1 if there is none. */
  pinned: number;
}

/** Return the virtualizer of a list. Rows are measured, so their heights can differ. */
export function useVirtualRows({ scroller, keys, estimatedHeight, pinned }: VirtualRowsOptions): VirtualRows {
  const [, setRevision] = useState(0);
  const options = {
    count: keys.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimatedHeight,
    getItemKey: (index: number) => keys[index] ?? index,
    overscan: OVERSCAN,
    rangeExtractor: (range: Parameters<typeof defaultRangeExtractor>[0]) =>
      withIndex(defaultRangeExtractor(range), pinned),
    scrollToFn: elementScroll,
    observeElementRect: observeVisibleRect,
    observeElementOffset,
    measureElement: heightOf,
    onChange: () => setRevision((before) => before + 1),
  };
  const [rows] = useState(() => new Virtualizer<HTMLDivElement, HTMLTableRowElement>(options));
  rows.setOptions(options);
  useLayoutEffect(() => rows._didMount(), []);
  useLayoutEffect(() => rows._willUpdate());
  return rows;
}

/**
 * Observe the size of the list while it is visible. A hidden list keeps its rows, so that a dialog can return the focus
 * to the row from which it was opened.
 */
const observeVisibleRect: typeof observeElementRect = (rows, report) =>
  observeElementRect(rows, (rect) => {
    if (rect.height > 0) report(rect);
  });

/**
 * Return the height of a row. The `ResizeObserver` of the list reports it before the browser paints the row. Until then,
 * use the expected height, because reading the height of a new row would compute the layout of the page once more.
 */
function heightOf(row: HTMLTableRowElement, entry: ResizeObserverEntry | undefined, rows: VirtualRows): number {
  if (entry) return measureElement(row, entry, rows);
  const index = rows.indexFromElement(row);
  return rows.itemSizeCache.get(rows.options.getItemKey(index)) ?? rows.options.estimateSize(index);
}

function withIndex(indexes: number[], index: number): number[] {
  return index < 0 || indexes.includes(index) ? indexes : [...indexes, index].sort((one, other) => one - other);
}
