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
  row: number;
  low: number;
  at: number;
  /** Children as (effective end, row), latest first. */
  candidates: { end: number; row: number }[];
  next: number;
}

export function criticalPath(model: TraceModel): CriticalPath {
  const reach = subtreeEnds(model);
  const rows: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  const own = (row: number, low: number, high: number) => {
    const a = Math.max(low, model.start[row]);
    const b = Math.min(high, model.end[row]);
    if (b <= a) return;
    rows.push(row);
    from.push(a);
    to.push(b);
  };

  const roots = { row: -1, low: 0, at: model.durationNano, candidates: childrenOf(model, reach, -1), next: 0 };
  const stack: Frame[] = [roots];
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    const child = nextChild(model, frame);
    if (child === null) {
      if (frame.row >= 0) own(frame.row, frame.low, frame.at);
      stack.pop();
      continue;
    }
    if (frame.row >= 0) own(frame.row, Math.max(child.end, frame.low), frame.at);
    const low = Math.max(frame.low, model.start[child.row]);
    frame.at = low;
    stack.push({
      row: child.row,
      low,
      at: child.end,
      candidates: childrenOf(model, reach, child.row),
      next: 0,
    });
  }
  return gather(model, rows, from, to);
}

/** The latest end in each subtree. */
function subtreeEnds(model: TraceModel): Float64Array {
  const reach = model.end.slice();
  for (let row = model.rowCount - 1; row >= 0; row--) {
    const p = model.parent[row];
    if (p >= 0 && reach[row] > reach[p]) reach[p] = reach[row];
  }
  return reach;
}

function childrenOf(model: TraceModel, reach: Float64Array, row: number): { end: number; row: number }[] {
  const list: { end: number; row: number }[] = [];
  const first = row < 0 ? 0 : row + 1;
  const last = row < 0 ? model.rowCount : row + model.subtree[row];
  for (let child = first; child < last; child += model.subtree[child]) {
    list.push({ end: reach[child], row: child });
    // Its own end counts too: the parent may have gone on while a detached tail was still running.
    if (model.end[child] < reach[child] && model.end[child] > model.start[child]) {
      list.push({ end: model.end[child], row: child });
    }
  }
  return list.sort((a, b) => b.end - a.end || a.row - b.row);
}

function nextChild(model: TraceModel, frame: Frame): { end: number; row: number } | null {
  while (frame.next < frame.candidates.length) {
    const candidate = frame.candidates[frame.next++];
    const low = Math.max(model.start[candidate.row], frame.low);
    if (candidate.end <= frame.at && candidate.end > low) return candidate;
  }
  return null;
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
