import { expect, test } from 'vitest';
import { bigTrace, brokenTrace, shopOrder, skeletonOf } from '../../dev/fixtures.mjs';
import type { Skeleton } from '../api/types.ts';
import { criticalPath, pathShares } from './critical-path.ts';
import { buildTrace } from './trace-model.ts';

type Draft = [id: string, parent: number, start: number, end: number];

function trace(drafts: Draft[]) {
  return buildTrace({
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    start_unix_nano: '0',
    duration_nano: Math.max(...drafts.map((d) => d[3])),
    span_count: drafts.length,
    error_count: 0,
    services: drafts.map((d) => d[0]),
    names: ['n'],
    spans: {
      id: drafts.map((d) => d[0]),
      parent: drafts.map((d) => d[1]),
      start_nano: drafts.map((d) => d[2]),
      duration_nano: drafts.map((d) => d[3] - d[2]),
      service: drafts.map((_, i) => i),
      name: drafts.map(() => 0),
      kind: drafts.map(() => 1),
      flags: drafts.map(() => 0),
      event_count: drafts.map(() => 0),
      link_count: drafts.map(() => 0),
    },
    missing_parents: [],
  });
}

function segments(drafts: Draft[]): Record<string, [number, number][]> {
  const model = trace(drafts);
  const path = criticalPath(model);
  const result: Record<string, [number, number][]> = {};
  for (let row = 0; row < model.rowCount; row++) {
    for (let k = path.offset[row]; k < path.offset[row + 1]; k++) {
      (result[model.key[row]] ??= []).push([path.from[k], path.to[k]]);
    }
  }
  return result;
}

test('the path goes through children and returns to the parent between them', () => {
  expect(
    segments([
      ['root', -1, 0, 100],
      ['a', 0, 10, 40],
      ['b', 0, 50, 90],
    ]),
  ).toEqual({
    root: [
      [0, 10],
      [40, 50],
      [90, 100],
    ],
    a: [[10, 40]],
    b: [[50, 90]],
  });
});

test('of parallel children only the one that finished last is on the path', () => {
  expect(
    segments([
      ['root', -1, 0, 100],
      ['short', 0, 10, 60],
      ['long', 0, 10, 90],
    ]),
  ).toEqual({
    root: [
      [0, 10],
      [90, 100],
    ],
    long: [[10, 90]],
  });
});

test('a sibling that was still running when the next began did not cause it', () => {
  expect(
    segments([
      ['root', -1, 0, 100],
      ['a', 0, 0, 60],
      ['b', 0, 50, 100],
    ]),
  ).toEqual({ root: [[0, 50]], b: [[50, 100]] });
});

test('work that outlives its parent is on the path when the trace waited for it', () => {
  expect(
    segments([
      ['request', -1, 0, 30],
      ['send', 0, 20, 28],
      ['process', 1, 50, 90],
    ]),
  ).toEqual({ request: [[0, 20]], send: [[20, 28]], process: [[50, 90]] });
});

test('a detached tail does not hide the part of its parent that the path needs', () => {
  expect(
    segments([
      ['root', -1, 0, 400],
      ['a', 0, 10, 50],
      ['tail', 1, 45, 300],
      ['b', 0, 60, 400],
    ]),
  ).toEqual({
    root: [
      [0, 10],
      [50, 60],
    ],
    a: [[10, 50]],
    b: [[60, 400]],
  });
});

test('a step that was started by a message of the step before it continues the path there', () => {
  // The reply to the first step starts the second one shortly before its own processing ends.
  expect(
    segments([
      ['place', -1, 0, 10],
      ['first', 0, 5, 6],
      ['command', 1, 7, 9],
      ['process', 2, 12, 60],
      ['reply', 3, 55, 62],
      ['handle', 4, 64, 70],
      ['second', 0, 69, 71],
      ['command 2', 6, 72, 80],
    ]),
  ).toEqual({
    place: [[0, 5]],
    first: [[5, 6]],
    command: [[7, 9]],
    process: [[12, 55]],
    reply: [[55, 62]],
    second: [[69, 71]],
    'command 2': [[72, 80]],
  });
});

test('what ended inside a span that is still running is not a cause', () => {
  expect(
    segments([
      ['root', -1, 0, 100],
      ['a', 0, 0, 60],
      ['inside a', 1, 10, 40],
      ['b', 0, 50, 100],
    ]),
  ).toEqual({ root: [[0, 50]], b: [[50, 100]] });
});

test('time between two roots is waiting', () => {
  const model = trace([
    ['first', -1, 0, 40],
    ['second', -1, 60, 100],
  ]);
  const path = criticalPath(model);
  expect(path.waiting).toBe(20);
  expect(pathShares(model, path)).toEqual([
    { service: 0, share: 0.4 },
    { service: 1, share: 0.4 },
    { service: null, share: 0.2 },
  ]);
});

test('a child that started before its parent is cut at the parent', () => {
  expect(
    segments([
      ['root', -1, 0, 100],
      ['p', 0, 50, 100],
      ['early', 1, 20, 80],
    ]),
  ).toEqual({ root: [[0, 50]], p: [[80, 100]], early: [[50, 80]] });
});

test.each([
  ['an order', shopOrder(3)],
  ['a declined order', shopOrder(4, { declined: true })],
  ['a broken trace', brokenTrace(5)],
  ['ten thousand spans', bigTrace(6, 10_000)],
])('segments of %s never overlap, lie in their spans, and with the waiting make up the trace', (_, fixture) => {
  const model = buildTrace(skeletonOf(fixture, '0') as Skeleton);
  const path = criticalPath(model);
  const all: [number, number][] = [];
  for (let row = 0; row < model.rowCount; row++) {
    for (let k = path.offset[row]; k < path.offset[row + 1]; k++) {
      expect(path.from[k]).toBeGreaterThanOrEqual(model.start[row]);
      expect(path.to[k]).toBeLessThanOrEqual(model.end[row]);
      all.push([path.from[k], path.to[k]]);
    }
  }
  all.sort((a, b) => a[0] - b[0]);
  for (let k = 1; k < all.length; k++) expect(all[k][0]).toBeGreaterThanOrEqual(all[k - 1][1]);
  const sum = all.reduce((total, [from, to]) => total + to - from, 0);
  expect(sum + path.waiting).toBeCloseTo(model.durationNano, 0);
});
