import { expect, test } from 'vitest';
import { bigTrace, brokenTrace, shopOrder, skeletonOf } from '../../dev/fixtures.mjs';
import type { Skeleton } from '../api/types.ts';
import { buildTrace, ODD_CYCLE, ODD_DUPLICATE, ODD_MISSING, type TraceModel } from './trace-model.ts';

interface Draft {
  id: string;
  parent?: number;
  start: number;
  duration: number;
  error?: boolean;
}

function skeleton(spans: Draft[], missing: { span_id: string; child_count: number }[] = []): Skeleton {
  return {
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    start_unix_nano: '1700000000000000000',
    duration_nano: Math.max(0, ...spans.map((s) => s.start + s.duration)),
    span_count: spans.length,
    error_count: spans.filter((s) => s.error).length,
    services: ['a'],
    names: ['n'],
    spans: {
      id: spans.map((s) => s.id),
      parent: spans.map((s) => s.parent ?? -1),
      start_nano: spans.map((s) => s.start),
      duration_nano: spans.map((s) => s.duration),
      service: spans.map(() => 0),
      name: spans.map(() => 0),
      kind: spans.map(() => 1),
      flags: spans.map((s) => (s.error ? 1 : 0)),
      event_count: spans.map(() => 0),
      link_count: spans.map(() => 0),
    },
    missing_parents: missing,
  };
}

function covers(model: TraceModel, row: number): [number, number][] {
  const list: [number, number][] = [];
  for (let k = model.coverOffset[row]; k < model.coverOffset[row + 1]; k++) list.push([model.coverStart[k], model.coverEnd[k]]);
  return list;
}

test('rows are in preorder with depths, subtree sizes and sibling positions', () => {
  const model = buildTrace(
    skeleton([
      { id: 'root', start: 0, duration: 100 },
      { id: 'left', parent: 0, start: 10, duration: 20 },
      { id: 'leaf', parent: 1, start: 15, duration: 5 },
      { id: 'right', parent: 0, start: 50, duration: 40 },
    ]),
  );
  expect(model.key).toEqual(['root', 'left', 'leaf', 'right']);
  expect([...model.depth]).toEqual([0, 1, 2, 1]);
  expect([...model.subtree]).toEqual([4, 2, 1, 1]);
  expect([...model.parent]).toEqual([-1, 0, 1, 0]);
  expect([...model.position]).toEqual([1, 1, 1, 2]);
  expect([...model.childCount]).toEqual([2, 1, 0, 0]);
  expect(model.maxDepth).toBe(2);
});

test('a child that comes before its parent in the answer still stands below it', () => {
  const model = buildTrace(
    skeleton([
      { id: 'child', parent: 1, start: 0, duration: 5 },
      { id: 'root', start: 2, duration: 10 },
    ]),
  );
  expect(model.key).toEqual(['root', 'child']);
});

test('self time is what no child covers: overlaps count once, overflow is cut off', () => {
  const model = buildTrace(
    skeleton([
      { id: 'root', start: 0, duration: 100 },
      { id: 'b', parent: 0, start: 10, duration: 20 },
      { id: 'c', parent: 0, start: 20, duration: 30 },
      { id: 'd', parent: 0, start: 90, duration: 30 },
      { id: 'e', parent: 0, start: 110, duration: 5 },
    ]),
  );
  expect(covers(model, 0)).toEqual([
    [10, 50],
    [90, 100],
  ]);
  expect(model.self[0]).toBe(50);
  expect(model.self[1]).toBe(20);
});

test('a parent that was not received is a row of its own above its children', () => {
  const model = buildTrace(
    skeleton(
      [
        { id: 'root', start: 0, duration: 10 },
        { id: 'x', parent: -2, start: 4, duration: 2 },
        { id: 'y', parent: -2, start: 6, duration: 2, error: true },
      ],
      [{ span_id: 'lost', child_count: 2 }],
    ),
  );
  expect(model.key).toEqual(['root', 'lost', 'x', 'y']);
  expect(model.odd[1]).toBe(ODD_MISSING);
  expect(model.service[1]).toBe(-1);
  expect([model.start[1], model.end[1]]).toEqual([4, 4]);
  expect(model.errorsBelow[1]).toBe(1);
  expect(model.missingCount).toBe(1);
});

test('a cycle is cut at its first span and all its spans are shown once', () => {
  const model = buildTrace(
    skeleton([
      { id: 'a', parent: 2, start: 0, duration: 1 },
      { id: 'b', parent: 0, start: 1, duration: 1 },
      { id: 'c', parent: 1, start: 2, duration: 1 },
      { id: 'tail', parent: 2, start: 3, duration: 1 },
      { id: 'self', parent: 4, start: 4, duration: 1 },
    ]),
  );
  expect(model.key).toEqual(['a', 'b', 'c', 'tail', 'self']);
  expect([...model.depth]).toEqual([0, 1, 2, 3, 0]);
  expect(model.odd[0]).toBe(ODD_CYCLE);
});

test('a span id that comes twice keeps both spans apart', () => {
  const model = buildTrace(
    skeleton([
      { id: 'a', start: 0, duration: 1 },
      { id: 'a', start: 1, duration: 1 },
    ]),
  );
  expect(model.key).toEqual(['a', 'a~2']);
  expect(model.odd[1]).toBe(ODD_DUPLICATE);
  expect(model.rowByKey.get('a~2')).toBe(1);
});

test('a subtree reaches as far as its latest span', () => {
  const model = buildTrace(
    skeleton([
      { id: 'request', start: 0, duration: 10 },
      { id: 'send', parent: 0, start: 5, duration: 2 },
      { id: 'process', parent: 1, start: 40, duration: 20 },
    ]),
  );
  expect([...model.reach]).toEqual([60, 60, 60]);
  expect([...model.end]).toEqual([10, 7, 60]);
});

test('parents out of range are roots', () => {
  const model = buildTrace(
    skeleton([
      { id: 'a', parent: 99, start: 0, duration: 1 },
      { id: 'b', parent: -7, start: 1, duration: 1 },
    ]),
  );
  expect([...model.parent]).toEqual([-1, -1]);
});

test('an empty trace has no rows', () => {
  expect(buildTrace(skeleton([])).rowCount).toBe(0);
});

test.each([
  ['an order', shopOrder(7)],
  ['a broken trace', brokenTrace(8)],
  ['ten thousand spans', bigTrace(9, 10_000)],
])('invariants hold for %s', (_, fixture) => {
  const model = buildTrace(skeletonOf(fixture, '1700000000000000000') as Skeleton);
  expect(model.rowCount).toBe(fixture.spans.length + model.missingCount);
  expect(new Set(model.key).size).toBe(model.rowCount);
  let roots = 0;
  for (let row = 0; row < model.rowCount; row++) {
    const parent = model.parent[row];
    if (parent < 0) roots += model.subtree[row];
    else {
      expect(parent).toBeLessThan(row);
      expect(row).toBeLessThan(parent + model.subtree[parent]);
      expect(model.depth[row]).toBe(model.depth[parent] + 1);
    }
    expect(model.self[row]).toBeGreaterThanOrEqual(0);
  }
  expect(roots).toBe(model.rowCount);
});

test('a chain of a hundred thousand spans needs no deep call stack', () => {
  const chain = Array.from({ length: 100_000 }, (_, i) => ({ id: `s${i}`, parent: i - 1, start: i, duration: 200_000 - 2 * i }));
  const model = buildTrace(skeleton(chain));
  expect(model.maxDepth).toBe(99_999);
  expect(model.subtree[0]).toBe(100_000);
});
