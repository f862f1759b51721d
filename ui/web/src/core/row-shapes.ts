// What one row of the waterfall draws, in pixels: SVG path data for self time, critical path and ticks.
// Shapes narrower than half a pixel are merged, so the length of a path is bounded by the width of the row.
import type { CriticalPath } from './critical-path.ts';
import type { TraceModel } from './trace-model.ts';
import { toPixels, type Viewport } from './viewport.ts';

export interface Bar {
  readonly x: number;
  readonly width: number;
}

export const BAR_MIN = 2;

/** The bar of a row clipped to the width; null when it lies outside the viewport. */
export function barOf(model: TraceModel, view: Viewport, width: number, row: number): Bar | null {
  const left = toPixels(view, width, model.start[row]);
  const right = toPixels(view, width, model.end[row]);
  if (right < 0 || left > width) return null;
  // Two pixels beyond the edges hide the round corners of a bar that goes on.
  const x = Math.max(-4, Math.min(left, width - BAR_MIN));
  return { x, width: Math.max(BAR_MIN, Math.min(right, width + 4) - x) };
}

/** Segments [from, to) as merged pixel runs, relative to `origin`. */
function runs(
  count: number,
  segment: (k: number) => [number, number],
  view: Viewport,
  width: number,
): [number, number][] {
  const merged: [number, number][] = [];
  for (let k = 0; k < count; k++) {
    const [from, to] = segment(k);
    const a = Math.max(-4, toPixels(view, width, from));
    const b = Math.min(width + 4, toPixels(view, width, to));
    if (b < a) continue;
    const last = merged[merged.length - 1];
    if (last && a - last[1] < 0.5) last[1] = Math.max(last[1], b);
    else merged.push([a, b]);
  }
  return merged;
}

const px = (value: number) => Math.round(value * 10) / 10;

/** The self time of a row inside its bar: everything that no child covers. Null = all of it. */
export function selfPath(model: TraceModel, view: Viewport, width: number, row: number, bar: Bar): string | null {
  const first = model.coverOffset[row];
  const covers = model.coverOffset[row + 1] - first;
  if (covers === 0) return null;
  const covered = runs(covers, (k) => [model.coverStart[first + k], model.coverEnd[first + k]], view, width);
  let path = '';
  let at = bar.x;
  const rect = (from: number, to: number) => {
    if (to - from >= 0.5) path += `M${px(from - bar.x)} 0H${px(to - bar.x)}V14H${px(from - bar.x)}z`;
  };
  for (const [from, to] of covered) {
    rect(at, Math.min(from, bar.x + bar.width));
    at = Math.max(at, to);
  }
  rect(at, bar.x + bar.width);
  return path;
}

/** The critical path over rows [row, end): a folded row shows what it hides. */
export function criticalShape(
  path: CriticalPath,
  view: Viewport,
  width: number,
  row: number,
  end: number,
): string {
  const first = path.offset[row];
  const count = path.offset[end] - first;
  if (count === 0) return '';
  const order = Array.from({ length: count }, (_, k) => first + k);
  if (end > row + 1) order.sort((a, b) => path.from[a] - path.from[b]);
  const merged = runs(count, (k) => [path.from[order[k]], path.to[order[k]]], view, width);
  return merged.map(([a, b]) => `M${px(a)} 0H${px(Math.max(b, a + 1))}v2H${px(a)}z`).join('');
}

/** Ticks at least three pixels apart, as positions. */
export function tickPositions(times: ArrayLike<number>, view: Viewport, width: number): number[] {
  const positions: number[] = [];
  for (let k = 0; k < times.length; k++) {
    const x = toPixels(view, width, times[k]);
    if (x < 0 || x > width) continue;
    if (positions.length > 0 && x - positions[positions.length - 1] < 3) continue;
    positions.push(px(x));
  }
  return positions;
}
