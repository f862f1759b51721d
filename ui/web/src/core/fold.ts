// Which rows are visible. A fold state is a depth from which everything is folded, plus single exceptions,
// so that "collapse all" on a huge trace stays short in the URL.
import type { TraceModel } from './trace-model.ts';

export interface FoldState {
  /** Rows with children at this depth or deeper start folded; null = none do. */
  readonly depth: number | null;
  /** Keys of rows that differ from that. */
  readonly toggled: ReadonlySet<string>;
}

export const UNFOLDED: FoldState = { depth: null, toggled: new Set() };

/** Most single folds that the URL holds; the oldest ones beyond are dropped. */
const TOGGLES_MAX = 200;

export function isFolded(model: TraceModel, fold: FoldState, row: number): boolean {
  if (model.childCount[row] === 0) return false;
  const byDepth = fold.depth !== null && model.depth[row] >= fold.depth;
  return byDepth !== fold.toggled.has(model.key[row]);
}

export function setFolded(model: TraceModel, fold: FoldState, row: number, folded: boolean): FoldState {
  if (model.childCount[row] === 0 || isFolded(model, fold, row) === folded) return fold;
  const toggled = new Set(fold.toggled);
  if (!toggled.delete(model.key[row])) toggled.add(model.key[row]);
  return { depth: fold.depth, toggled };
}

/** Unfolds every ancestor, so that the row can be seen. */
export function reveal(model: TraceModel, fold: FoldState, row: number): FoldState {
  let result = fold;
  for (let p = model.parent[row]; p >= 0; p = model.parent[p]) result = setFolded(model, result, p, false);
  return result;
}

/** One level more or less; exceptions are forgotten. */
export function stepLevel(model: TraceModel, fold: FoldState, step: 1 | -1): FoldState {
  const open = model.maxDepth;
  const next = Math.max(0, (fold.depth ?? open) + step);
  return { depth: next >= open ? null : next, toggled: new Set() };
}

/** The visible rows in order: a folded row skips its whole subtree. */
export function visibleRows(model: TraceModel, fold: FoldState): Int32Array {
  const rows = new Int32Array(model.rowCount);
  let count = 0;
  if (fold.depth === null && fold.toggled.size === 0) {
    for (let row = 0; row < model.rowCount; row++) rows[row] = row;
    return rows;
  }
  for (let row = 0; row < model.rowCount; ) {
    rows[count++] = row;
    row += isFolded(model, fold, row) ? model.subtree[row] : 1;
  }
  return rows.slice(0, count);
}

/** Position of a row among the visible ones, or of the nearest visible ancestor. */
export function visibleIndex(visible: Int32Array, row: number): number {
  let low = 0;
  let high = visible.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (visible[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `d2.0123456789abcdef.…`; empty when nothing is folded. */
export function printFold(fold: FoldState): string {
  const parts = [...fold.toggled].slice(-TOGGLES_MAX);
  if (fold.depth !== null) parts.unshift(`d${fold.depth}`);
  return parts.join('.');
}

export function parseFold(text: string | undefined): FoldState {
  if (!text) return UNFOLDED;
  let depth: number | null = null;
  const toggled = new Set<string>();
  for (const part of text.split('.')) {
    if (/^d\d{1,6}$/.test(part)) depth = Number(part.slice(1));
    else if (/^[0-9a-f]{16}(~\d+)?$/.test(part)) toggled.add(part);
  }
  return { depth, toggled };
}
