// The critical path: the chain of work that decided when the trace ended. Walking back from the end, at each
// moment it is the child that finished last before that moment, and the span itself where no child did.
// Children may outlive their parents (messages, background work): their tail counts when the trace waited for it.
import type { TraceModel } from './trace-model.ts';

export interface CriticalPath {
  /** Segments of row r are [offset[r], offset[r+1]), in time order. */
  readonly offset: Int32Array;
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** Time on the path by service index; what no span accounts for is `waiting`. */
  readonly byService: Float64Array;
  readonly waiting: number;
}

interface Frame {
  readonly row: number;
  readonly low: number;
  /** The moment that is being explained; it moves back. */
  at: number;
  /** Children by the end of their subtrees, latest first; those from `next` on were not looked at yet. */
  readonly children: Int32Array;
  next: number;
  /** Children whose subtree ends after `at`: what they finished before may still count. */
  straddling: number[];
}

/** Steps into unfinished subtrees, per row of the trace, before only whole subtrees are considered. */
const STEPS_PER_ROW = 20;

export function criticalPath(model: TraceModel): CriticalPath {
  const walk = new Walk(model);
  const rows: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  const own = (row: number, low: number, high: number) => {
    if (row < 0) return;
    const a = Math.max(low, model.start[row]);
    const b = Math.min(high, model.end[row]);
    if (b <= a) return;
    rows.push(row);
    from.push(a);
    to.push(b);
  };

  const stack = [walk.frame(-1, 0, model.durationNano)];
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    const cause = walk.cause(frame);
    if (cause === null) {
      own(frame.row, frame.low, frame.at);
      stack.pop();
      continue;
    }
    own(frame.row, Math.max(cause.end, frame.low), frame.at);
    const low = Math.max(frame.low, model.start[cause.row]);
    frame.at = low;
    stack.push(walk.frame(cause.row, low, cause.end));
  }
  return gather(model, rows, from, to);
}

class Walk {
  readonly #model: TraceModel;
  #steps: number;

  constructor(model: TraceModel) {
    this.#model = model;
    this.#steps = model.rowCount * STEPS_PER_ROW;
  }

  frame(row: number, low: number, at: number): Frame {
    const { subtree, rowCount, childCount, reach } = this.#model;
    const first = row < 0 ? 0 : row + 1;
    const last = row < 0 ? rowCount : row + subtree[row];
    const list: number[] = [];
    if (row < 0 || childCount[row] > 0) for (let k = first; k < last; k += subtree[k]) list.push(k);
    const children = Int32Array.from(list).sort((a, b) => reach[b] - reach[a] || a - b);
    return { row, low, at, children, next: 0, straddling: [] };
  }

  /** The child that finished last before the moment that the frame explains. */
  cause(frame: Frame): { row: number; end: number } | null {
    const { start, reach } = this.#model;
    let best: { row: number; end: number } | null = null;
    while (best === null && frame.next < frame.children.length) {
      const row = frame.children[frame.next];
      const end = reach[row];
      if (end > frame.at) frame.straddling.push(row);
      else if (end > Math.max(start[row], frame.low)) best = { row, end };
      if (best === null) frame.next++;
    }
    frame.straddling = frame.straddling.filter((row) => start[row] < frame.at);
    for (const row of frame.straddling) {
      const end = this.#finished(row, frame.at);
      if (end > Math.max(start[row], frame.low) && end > (best?.end ?? 0)) best = { row, end };
    }
    if (best !== null && best.row === frame.children[frame.next]) frame.next++;
    return best;
  }

  /**
   * The latest end before a moment inside a subtree that goes on after it; 0 when there is none. It looks only below
   * spans that have ended themselves: what happens inside a running span is nobody else's cause before it ends.
   */
  #finished(top: number, at: number): number {
    const { end, subtree, reach } = this.#model;
    let latest = 0;
    const stack = [top];
    while (stack.length > 0) {
      const row = stack.pop() as number;
      if (reach[row] <= at) latest = Math.max(latest, reach[row]);
      else if (end[row] <= at) {
        latest = Math.max(latest, end[row]);
        for (let k = row + 1; k < row + subtree[row] && this.#steps > 0; k += subtree[k], this.#steps--) stack.push(k);
      }
    }
    return latest;
  }
}

function gather(model: TraceModel, rows: number[], from: number[], to: number[]): CriticalPath {
  const order = Array.from(rows.keys()).sort((a, b) => rows[a] - rows[b] || from[a] - from[b]);
  const offset = new Int32Array(model.rowCount + 1);
  const path = {
    from: new Float64Array(rows.length),
    to: new Float64Array(rows.length),
    byService: new Float64Array(model.services.length),
  };
  let onPath = 0;
  order.forEach((k, position) => {
    offset[rows[k] + 1]++;
    path.from[position] = from[k];
    path.to[position] = to[k];
    onPath += to[k] - from[k];
    if (model.service[rows[k]] >= 0) path.byService[model.service[rows[k]]] += to[k] - from[k];
  });
  for (let row = 1; row < offset.length; row++) offset[row] += offset[row - 1];
  return { ...path, offset, waiting: Math.max(0, model.durationNano - onPath) };
}

/** The services of the path with their share of the trace, greatest first; `null` stands for waiting. */
export function pathShares(model: TraceModel, path: CriticalPath): { service: number | null; share: number }[] {
  if (model.durationNano <= 0) return [];
  const shares: { service: number | null; share: number }[] = [];
  path.byService.forEach((nanos, service) => {
    if (nanos > 0) shares.push({ service, share: nanos / model.durationNano });
  });
  shares.sort((a, b) => b.share - a.share);
  if (path.waiting > 0) shares.push({ service: null, share: path.waiting / model.durationNano });
  return shares;
}
