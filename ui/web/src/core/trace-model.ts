// The trace as typed arrays in preorder: one row per span plus one per parent that never arrived.
// Preorder with subtree sizes makes folding an index skip and every subtree a contiguous range.
import type { Skeleton } from '../api/types.ts';

export const FLAG_ERROR = 1;
export const FLAG_OK = 2;
export const FLAG_REMOTE_PARENT = 4;

/** Why a row is not an ordinary span of a well-formed tree. */
export const ODD_NONE = 0;
/** A parent that was named by spans but never received. */
export const ODD_MISSING = 1;
/** A second span with an id that was seen before. */
export const ODD_DUPLICATE = 2;
/** The span where a parent cycle was cut. */
export const ODD_CYCLE = 3;

export interface TraceModel {
  readonly traceId: string;
  readonly startUnixNano: bigint;
  /** From the earliest start to the latest end. */
  readonly durationNano: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly missingCount: number;
  readonly services: readonly string[];
  readonly names: readonly string[];
  /** Rows = spans + missing parents; all arrays below have this length and are in preorder. */
  readonly rowCount: number;
  /** Unique within the trace: the span id, with `~2`, `~3` … for duplicates. */
  readonly key: readonly string[];
  readonly spanId: readonly string[];
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** The latest end in the subtree: children may outlive their parents. */
  readonly reach: Float64Array;
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  /** Number of rows in the subtree, the row itself included. */
  readonly subtree: Int32Array;
  /** Direct children. */
  readonly childCount: Int32Array;
  /** Position among its siblings, from 1. */
  readonly position: Int32Array;
  /** Index into services, -1 for a missing parent. */
  readonly service: Int32Array;
  readonly name: Int32Array;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly odd: Uint8Array;
  readonly eventCount: Int32Array;
  readonly linkCount: Int32Array;
  /** Errors strictly below the row. */
  readonly errorsBelow: Int32Array;
  /** Time not covered by any child. */
  readonly self: Float64Array;
  /** Merged child coverage: the segments of row r are [coverOffset[r], coverOffset[r+1]). */
  readonly coverOffset: Int32Array;
  readonly coverStart: Float64Array;
  readonly coverEnd: Float64Array;
  readonly maxDepth: number;
  readonly rowByKey: ReadonlyMap<string, number>;
}

interface Forest {
  parent: Int32Array;
  odd: Uint8Array;
  order: Int32Array;
}

/** Builds the model; copes with cycles, duplicate ids, children before parents and indices out of range. */
export function buildTrace(skeleton: Skeleton): TraceModel {
  const spans = skeleton.spans;
  const n = spans.id.length;
  const missing = skeleton.missing_parents.length;
  const total = n + missing;
  const { keys, odd } = uniqueKeys(skeleton);
  const parentOf = cutCycles(inputParents(spans.parent, missing), odd);
  const times = inputTimes(skeleton, parentOf);
  const forest: Forest = { parent: parentOf, odd, order: preorder(parentOf, times.start) };

  const rowOf = new Int32Array(total);
  forest.order.forEach((input, row) => (rowOf[input] = row));
  const model = allocate(total);
  const rowByKey = new Map<string, number>();
  const key = new Array<string>(total);
  const spanId = new Array<string>(total);
  let maxDepth = 0;
  for (let row = 0; row < total; row++) {
    const input = forest.order[row];
    const parentRow = parentOf[input] < 0 ? -1 : rowOf[parentOf[input]];
    model.parent[row] = parentRow;
    model.depth[row] = parentRow < 0 ? 0 : model.depth[parentRow] + 1;
    maxDepth = Math.max(maxDepth, model.depth[row]);
    model.odd[row] = odd[input];
    model.start[row] = times.start[input];
    model.end[row] = model.reach[row] = times.end[input];
    key[row] = keys[input];
    rowByKey.set(keys[input], row);
    if (input >= n) {
      spanId[row] = skeleton.missing_parents[input - n].span_id;
      model.service[row] = -1;
      model.name[row] = -1;
      continue;
    }
    spanId[row] = spans.id[input];
    model.service[row] = spans.service[input];
    model.name[row] = spans.name[input];
    model.kind[row] = spans.kind[input];
    model.flags[row] = spans.flags[input];
    model.eventCount[row] = spans.event_count[input];
    model.linkCount[row] = spans.link_count[input];
  }
  rollUp(model, total);
  return {
    ...model,
    ...coverage(model, total),
    traceId: skeleton.trace_id,
    startUnixNano: BigInt(skeleton.start_unix_nano),
    durationNano: Math.max(skeleton.duration_nano, latest(model.end)),
    spanCount: n,
    errorCount: skeleton.error_count,
    missingCount: missing,
    services: skeleton.services,
    names: skeleton.names,
    rowCount: total,
    key,
    spanId,
    maxDepth,
    rowByKey,
  };
}

function latest(end: Float64Array): number {
  let max = 0;
  for (let row = 0; row < end.length; row++) if (end[row] > max) max = end[row];
  return max;
}

function allocate(total: number) {
  return {
    start: new Float64Array(total),
    end: new Float64Array(total),
    reach: new Float64Array(total),
    parent: new Int32Array(total),
    depth: new Int32Array(total),
    subtree: new Int32Array(total).fill(1),
    childCount: new Int32Array(total),
    position: new Int32Array(total),
    service: new Int32Array(total),
    name: new Int32Array(total),
    kind: new Uint8Array(total),
    flags: new Uint8Array(total),
    odd: new Uint8Array(total),
    eventCount: new Int32Array(total),
    linkCount: new Int32Array(total),
    errorsBelow: new Int32Array(total),
  };
}

function uniqueKeys(skeleton: Skeleton): { keys: string[]; odd: Uint8Array } {
  const ids = skeleton.spans.id;
  const total = ids.length + skeleton.missing_parents.length;
  const keys = new Array<string>(total);
  const odd = new Uint8Array(total);
  const seen = new Map<string, number>();
  for (let i = 0; i < total; i++) {
    const isSpan = i < ids.length;
    const id = isSpan ? ids[i] : skeleton.missing_parents[i - ids.length].span_id;
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    keys[i] = count === 1 ? id : `${id}~${count}`;
    if (!isSpan) odd[i] = ODD_MISSING;
    else if (count > 1) odd[i] = ODD_DUPLICATE;
  }
  return { keys, odd };
}

/** Parents as input indices, missing parents following the spans; anything out of range is a root. */
function inputParents(parent: number[], missing: number): Int32Array {
  const n = parent.length;
  const result = new Int32Array(n + missing).fill(-1);
  for (let i = 0; i < n; i++) {
    const p = parent[i];
    if (p >= 0 && p < n && p !== i) result[i] = p;
    else if (p <= -2 && -2 - p < missing) result[i] = n + (-2 - p);
  }
  return result;
}

/** Makes a forest of the graph: each cycle is cut at its first span, which becomes a root. */
function cutCycles(parent: Int32Array, odd: Uint8Array): Int32Array {
  // Each walk towards the root has its own mark; meeting the own mark again means a cycle.
  const mark = new Int32Array(parent.length);
  for (let i = 0; i < parent.length; i++) {
    const walk = i + 1;
    let at = i;
    while (at >= 0 && mark[at] === 0) {
      mark[at] = walk;
      at = parent[at];
    }
    if (at < 0 || mark[at] !== walk) continue;
    let first = at;
    for (let c = parent[at]; c !== at; c = parent[c]) first = Math.min(first, c);
    parent[first] = -1;
    odd[first] = ODD_CYCLE;
  }
  return parent;
}

function inputTimes(skeleton: Skeleton, parentOf: Int32Array) {
  const { start_nano, duration_nano } = skeleton.spans;
  const n = start_nano.length;
  const start = new Float64Array(parentOf.length).fill(Infinity);
  const end = new Float64Array(parentOf.length);
  for (let i = 0; i < n; i++) {
    start[i] = start_nano[i];
    end[i] = start_nano[i] + Math.max(0, duration_nano[i]);
    const p = parentOf[i];
    // A missing parent is placed where its first child starts; it has no time of its own.
    if (p >= n && start[i] < start[p]) start[p] = end[p] = start[i];
  }
  for (let i = n; i < start.length; i++) if (start[i] === Infinity) start[i] = end[i] = 0;
  return { start, end };
}

/** Input indices in preorder; siblings keep (start, input order). */
function preorder(parent: Int32Array, start: Float64Array): Int32Array {
  const total = parent.length;
  const offset = new Int32Array(total + 2);
  for (let i = 0; i < total; i++) offset[parent[i] + 2]++;
  for (let i = 1; i < offset.length; i++) offset[i] += offset[i - 1];
  const children = new Int32Array(total);
  const fill = offset.slice();
  for (let i = 0; i < total; i++) children[fill[parent[i] + 1]++] = i;
  const byStart = (a: number, b: number) => start[a] - start[b] || a - b;
  for (let p = 0; p <= total; p++) {
    const slice = children.subarray(offset[p], offset[p + 1]);
    if (!isSorted(slice, start)) slice.sort(byStart);
  }
  const order = new Int32Array(total);
  const stack: number[] = [];
  let row = 0;
  const pushChildren = (slot: number) => {
    for (let k = offset[slot + 1] - 1; k >= offset[slot]; k--) stack.push(children[k]);
  };
  pushChildren(0);
  while (stack.length > 0) {
    const input = stack.pop() as number;
    order[row++] = input;
    pushChildren(input + 1);
  }
  return order;
}

function isSorted(indices: Int32Array, start: Float64Array): boolean {
  for (let i = 1; i < indices.length; i++) if (start[indices[i]] < start[indices[i - 1]]) return false;
  return true;
}

function rollUp(model: ReturnType<typeof allocate>, total: number): void {
  let roots = 0;
  for (let row = 0; row < total; row++) {
    const p = model.parent[row];
    model.position[row] = p < 0 ? ++roots : ++model.childCount[p];
  }
  for (let row = total - 1; row >= 0; row--) {
    const p = model.parent[row];
    if (p < 0) continue;
    model.subtree[p] += model.subtree[row];
    model.reach[p] = Math.max(model.reach[p], model.reach[row]);
    model.errorsBelow[p] += model.errorsBelow[row] + (model.flags[row] & FLAG_ERROR);
  }
}

/** Merges the children's time inside each span. Children come in start order, so one pass merges. */
function coverage(model: ReturnType<typeof allocate>, total: number) {
  const self = new Float64Array(total);
  const coverOffset = new Int32Array(total + 1);
  const coverStart = new Float64Array(total);
  const coverEnd = new Float64Array(total);
  let used = 0;
  for (let row = 0; row < total; row++) {
    coverOffset[row] = used;
    const [from, to] = [model.start[row], model.end[row]];
    let covered = 0;
    let reached = from;
    const last = row + model.subtree[row];
    for (let child = row + 1; child < last; child += model.subtree[child]) {
      const a = Math.max(model.start[child], reached);
      const b = Math.min(model.end[child], to);
      if (b <= a) continue;
      if (used > coverOffset[row] && coverEnd[used - 1] === a) coverEnd[used - 1] = b;
      else {
        coverStart[used] = a;
        coverEnd[used++] = b;
      }
      covered += b - a;
      reached = b;
    }
    self[row] = to - from - covered;
  }
  coverOffset[total] = used;
  return { self, coverOffset, coverStart, coverEnd };
}
