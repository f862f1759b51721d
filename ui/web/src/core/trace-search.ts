// Search inside one trace by span name, service or span id. Names and services are interned, so each text is
// compared once however many spans carry it.
import type { TraceModel } from './trace-model.ts';

/** Rows that match, in preorder. Empty text matches nothing. */
export function searchRows(model: TraceModel, text: string): Int32Array {
  const needle = text.trim().toLowerCase();
  if (needle === '') return new Int32Array(0);
  const names = model.names.map((name) => name.toLowerCase().includes(needle));
  const services = model.services.map((name) => name.toLowerCase().includes(needle));
  const ids = /^[0-9a-f]{4,16}$/.test(needle);
  const rows = new Int32Array(model.rowCount);
  let count = 0;
  for (let row = 0; row < model.rowCount; row++) {
    const hit =
      (model.service[row] >= 0 && (names[model.name[row]] || services[model.service[row]])) ||
      (ids && model.spanId[row].startsWith(needle));
    if (hit) rows[count++] = row;
  }
  return rows.slice(0, count);
}

/** The next match after (or before) a row, wrapping around; -1 when there is none. */
export function nextMatch(matches: Int32Array, row: number, step: 1 | -1): number {
  if (matches.length === 0) return -1;
  if (step === 1) return matches.find((m) => m > row) ?? matches[0];
  return matches.findLast((m) => m < row) ?? matches[matches.length - 1];
}

/** How many sorted values lie in [from, to). */
export function countBetween(sorted: Int32Array, from: number, to: number): number {
  return lowerBound(sorted, to) - lowerBound(sorted, from);
}

export function lowerBound(sorted: Int32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
