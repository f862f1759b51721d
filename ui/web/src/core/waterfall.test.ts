import { expect, test } from 'vitest';
import { bigTrace, logRecordsOf, shopOrder, skeletonOf } from '../../dev/fixtures.mjs';
import type { LogRecord, Skeleton } from '../api/types.ts';
import { hashName, serviceMarks, SLOTS } from './colors.ts';
import { criticalPath } from './critical-path.ts';
import { isFolded, parseFold, printFold, reveal, setFolded, stepLevel, UNFOLDED, visibleIndex, visibleRows } from './fold.ts';
import { logTicks } from './log-ticks.ts';
import { paintMinimap } from './minimap.ts';
import { barOf, criticalShape, selfPath, tickPositions } from './row-shapes.ts';
import { severityLabel, severityOf } from './severity.ts';
import { buildTrace } from './trace-model.ts';
import { countBetween, nextMatch, searchRows } from './trace-search.ts';
import { axisTimes, clamp, full, pan, parseViewport, printViewport, toPixels, toTime, zoomAt } from './viewport.ts';

const START = '1700000000000000000';
const order = shopOrder(3);
const model = buildTrace(skeletonOf(order, START) as Skeleton);
const row = (name: string) => Array.from(model.name).findIndex((n) => model.names[n] === name);

test('folding a row hides exactly its subtree', () => {
  const cart = row('shop.cart.v1.Cart/Get');
  const fold = setFolded(model, UNFOLDED, cart, true);
  const visible = visibleRows(model, fold);
  expect(isFolded(model, fold, cart)).toBe(true);
  expect(visible.length).toBe(model.rowCount - model.subtree[cart] + 1);
  expect(visible[visibleIndex(visible, cart) + 1]).toBe(cart + model.subtree[cart]);
  expect(visibleIndex(visible, cart + 2)).toBe(visibleIndex(visible, cart));
  expect(visibleRows(model, setFolded(model, fold, cart, false)).length).toBe(model.rowCount);
});

test('a fold state survives the URL', () => {
  const deep = { depth: 2, toggled: new Set([model.key[row('shop.cart.v1.Cart/Get')]]) };
  expect(parseFold(printFold(deep))).toEqual(deep);
  expect(printFold(UNFOLDED)).toBe('');
  expect(parseFold('d1.nonsense.<script>')).toEqual({ depth: 1, toggled: new Set() });
});

test('levels fold from the bottom and a row can be revealed again', () => {
  let fold = stepLevel(model, UNFOLDED, -1);
  while (fold.depth !== 0) fold = stepLevel(model, fold, -1);
  expect([...visibleRows(model, fold)]).toEqual([0]);
  const deepest = Array.from(model.depth).indexOf(model.maxDepth);
  const opened = visibleRows(model, reveal(model, fold, deepest));
  expect(opened[visibleIndex(opened, deepest)]).toBe(deepest);
  for (let k = 0; k <= model.maxDepth; k++) fold = stepLevel(model, fold, 1);
  expect(fold.depth).toBe(null);
});

test('search finds names, services and ids, in order and around the end', () => {
  const hits = searchRows(model, 'SELECT');
  expect(Array.from(hits, (r) => model.names[model.name[r]])).toEqual(['SELECT cart_items', ...Array(4).fill('SELECT items')]);
  expect(searchRows(model, 'notification').length).toBe(3);
  expect([...searchRows(model, model.spanId[5].slice(0, 8))]).toEqual([5]);
  expect(searchRows(model, '  ').length).toBe(0);
  expect(nextMatch(hits, hits[4], 1)).toBe(hits[0]);
  expect(nextMatch(hits, hits[0], -1)).toBe(hits[4]);
  expect(nextMatch(new Int32Array(0), 3, 1)).toBe(-1);
  expect(countBetween(hits, hits[1], hits[3])).toBe(2);
});

test('zooming keeps the anchor in place and stays inside the trace', () => {
  const view = zoomAt(full(1e6), 0.5, 200_000, 1e6);
  expect(view).toEqual({ from: 100_000, to: 600_000 });
  expect(toPixels(view, 100, 200_000)).toBe(20);
  expect(toTime(view, 100, 20)).toBe(200_000);
  expect(pan(view, -1, 1e6)).toEqual({ from: 0, to: 500_000 });
  expect(clamp({ from: -5, to: 2e6 }, 1e6)).toEqual({ from: 0, to: 1e6 });
  expect(clamp({ from: 500, to: 501 }, 1e6)).toEqual({ from: 500, to: 600 });
  expect(parseViewport(printViewport(view), 1e6)).toEqual(view);
  expect(parseViewport('9,1', 1e6)).toEqual(full(1e6));
  expect(parseViewport(undefined, 0)).toEqual({ from: 0, to: 100 });
});

test('axis times are round and not more than asked for', () => {
  expect(axisTimes({ from: 0, to: 1e6 }, 5)).toEqual([0, 200_000, 400_000, 600_000, 800_000, 1_000_000]);
  expect(axisTimes({ from: 130, to: 270 }, 3)).toEqual([150, 200, 250]);
});

test('bars are clipped to the view and never thinner than two pixels', () => {
  const view = full(model.durationNano);
  expect(barOf(model, view, 1000, 0)).toEqual({ x: 0, width: toPixels(view, 1000, model.end[0]) });
  const tiny = barOf(model, view, 10, row('authenticate'));
  expect(tiny?.width).toBe(2);
  const late = { from: model.durationNano * 0.9, to: model.durationNano };
  expect(barOf(model, late, 1000, row('authenticate'))).toBe(null);
});

test('a leaf is all self time; a parent has a hole for each child', () => {
  const view = full(model.durationNano);
  const leaf = row('SELECT cart_items');
  expect(selfPath(model, view, 1000, leaf, barOf(model, view, 1000, leaf)!)).toBe(null);
  const path = selfPath(model, view, 1000, 0, barOf(model, view, 1000, 0)!) as string;
  expect(path.split('z').length - 1).toBeGreaterThan(2);
});

test('a folded row shows the critical path of what it hides', () => {
  const path = criticalPath(model);
  const view = full(model.durationNano);
  const saga = row('shop.order.v1.Orders/Place');
  const alone = criticalShape(path, view, 1000, saga, saga + 1);
  const folded = criticalShape(path, view, 1000, saga, saga + model.subtree[saga]);
  expect(folded).not.toBe(alone);
  expect(folded.length).toBeGreaterThan(0);
});

test('ticks keep three pixels apart', () => {
  expect(tickPositions([0, 1, 2, 50, 1000], { from: 0, to: 100 }, 100)).toEqual([0, 50]);
});

test('logs are placed on their spans in time order', () => {
  const logs = logRecordsOf(order, START) as LogRecord[];
  const ticks = logTicks(model, logs);
  expect(ticks.time.length).toBe(logs.length);
  const root = [...ticks.time.subarray(ticks.offset[0], ticks.offset[1])];
  expect(root).toEqual([400_000]);
  const strange = logTicks(model, [{ ...logs[0], span_id: 'ffffffffffffffff' }]);
  expect(strange.time.length).toBe(0);
});

test('severity numbers fall into their groups', () => {
  expect([0, 1, 4, 5, 9, 13, 17, 21, 24, 25].map(severityOf)).toEqual([
    'none', 'trace', 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'fatal', 'none',
  ]);
  expect(severityLabel(0, 'NOTICE')).toBe('notice');
  expect(severityLabel(17, 'SEVERE')).toBe('error');
});

test('colours and chips depend on the names alone and do not collide', () => {
  const names = ['gateway', 'catalog', 'cart', 'order', 'inventory', 'payment', 'shipping', 'notification', 'bus'];
  const marks = serviceMarks(names);
  expect(serviceMarks([...names].reverse())).toEqual(marks);
  expect(new Set([...marks.values()].map((m) => m.slot)).size).toBe(names.length);
  expect(new Set([...marks.values()].map((m) => m.chip)).size).toBe(names.length);
  expect(marks.get('cart')?.chip).toBe('ca');
  expect(marks.get('catalog')?.chip).toBe('ct');
  expect(serviceMarks(['payment-gateway']).get('payment-gateway')?.chip).toBe('pg');
  expect(serviceMarks(['']).get('')?.chip).toBe('?');
  expect(serviceMarks(['catalog']).get('catalog')?.chip).toBe('ca');
  expect(serviceMarks(['catalog'], names).get('catalog')?.chip).toBe('ct');
  expect([...serviceMarks(['catalog'], names).keys()]).toEqual(['catalog']);
  const alone = serviceMarks(['order']).get('order');
  expect(alone?.slot).toBe(hashName('order') % SLOTS);
  const many = serviceMarks(Array.from({ length: 40 }, (_, i) => `service-${i}`));
  expect(new Set([...many.values()].map((m) => m.slot)).size).toBe(SLOTS);
});

test('no error is lost in the overview of a dense trace', () => {
  const big = buildTrace(skeletonOf(bigTrace(11, 20_000), START) as Skeleton);
  const [width, height] = [800, 48];
  const pixels = new Uint32Array(width * height);
  paintMinimap(big, { services: new Uint32Array(big.services.length).fill(1), error: 2 }, pixels, width, height);
  expect(big.errorCount).toBeGreaterThan(0);
  for (let r = 0; r < big.rowCount; r++) {
    if ((big.flags[r] & 1) === 0) continue;
    const x = Math.min(width - 2, Math.floor((big.start[r] / big.durationNano) * width));
    const column = Array.from({ length: height }, (_, y) => pixels[y * width + x]);
    expect(column).toContain(2);
  }
});
