import { expect, test } from 'vitest';
import { keyValues, resourceSpansOf, shopOrder } from '../../dev/fixtures.mjs';
import { gapIn, type ResourceSpans } from '../api/types.ts';
import { href } from '../url.ts';
import { attribute, groupAttributes, spanDetails, valueText } from './otlp.ts';
import { reachable, snippets } from './snippets.ts';

test('values of every kind are shown, 64-bit integers digit for digit', () => {
  expect(valueText({ stringValue: '' })).toBe('');
  expect(valueText({ boolValue: false })).toBe('false');
  expect(valueText({ intValue: '9007199254740993' })).toBe('9007199254740993');
  expect(valueText({ doubleValue: 0.5 })).toBe('0.5');
  expect(valueText({ bytesValue: 'AAEC' })).toBe('base64:AAEC');
  expect(valueText({})).toBe('');
  expect(valueText(null)).toBe('');
  const nested = {
    kvlistValue: {
      values: [
        { key: 'a "b"', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'x' }, {}] } } },
        { key: 'empty', value: { arrayValue: {} } },
        { key: 'none' },
      ],
    },
  };
  expect(valueText(nested)).toBe('{"a \\"b\\"": [1, "x", null], "empty": [], "none": null}');
});

test('attributes are grouped: errors first, the own ones next, then the conventions by name', () => {
  const attributes = keyValues({ 'url.path': '/', 'shop.order.id': 'o', 'error.type': 'x', 'http.route': '/', 'db.system.name': 's' });
  expect(groupAttributes(attributes).map((g) => [g.name, g.attributes.map((a) => a.key)])).toEqual([
    ['Error', ['error.type']],
    ['Application', ['shop.order.id']],
    ['Database', ['db.system.name']],
    ['HTTP', ['http.route', 'url.path']],
  ]);
  expect(attribute(attributes, 'shop.order.id')).toBe('o');
  expect(attribute(attributes, 'none')).toBe(null);
});

test('spans come with their resource and scope', () => {
  const order = shopOrder(1);
  const details = spanDetails(resourceSpansOf(order, '0', [order.spans[0].id]) as ResourceSpans[]);
  expect(details.length).toBe(1);
  expect(details[0].span.spanId).toBe(order.spans[0].id);
  expect(attribute(details[0].resource.attributes, 'service.name')).toBe('gateway');
  expect(details[0].scope.name).toBe('shop');
  expect(spanDetails([{}, { scopeSpans: [{}] }])).toEqual([]);
});

test('an address on every interface becomes the host of the page', () => {
  expect(reachable('127.0.0.1:4317', 'tracing.example')).toBe('127.0.0.1:4317');
  expect(reachable('0.0.0.0:4317', 'tracing.example')).toBe('tracing.example:4317');
  expect(reachable('[::]:4318', 'tracing.example')).toBe('tracing.example:4318');
  expect(reachable('[::1]:4318', 'localhost')).toBe('[::1]:4318');
});

test('every snippet names this server and no other', () => {
  const list = snippets({ grpc: 'host-a:1', http: 'host-b:2', isEncrypted: false });
  expect(list.map((s) => s.id)).toEqual(['env', 'rust', 'python', 'node', 'java', 'go', 'collector']);
  for (const snippet of list) {
    expect(snippet.code).toMatch(/host-a:1|host-b:2/);
    expect(snippet.code).not.toMatch(/431[789]\b(?<!1431[78])/);
  }
});

test('snippets for a server with TLS say so, each of them', () => {
  for (const { id, code } of snippets({ grpc: 'host-a:1', http: 'host-b:2', isEncrypted: true })) {
    expect(code, id).not.toMatch(/http:\/\/host|insecure: true/);
    expect(code, id).toMatch(/https:\/\/host|insecure: false/);
  }
});

test('links leave out what is empty and keep what is readable', () => {
  expect(href('/trace/x', { z: '1,2', span: null, q: 'a:"b c"&d', tab: '' })).toBe('/trace/x?z=1,2&q=a:%22b%20c%22%26d');
  expect(href('/traces', {})).toBe('/traces');
});

test('the first incomplete answer says why', () => {
  const answer = (complete: boolean, incomplete_reason: string | null) => ({
    complete,
    incomplete_reason,
    scanned: { splits: 0, hot_batches: 0, rows: 0, body_bytes: 0 },
    elapsed_micros: 0,
  });
  expect(gapIn(undefined)).toBe(null);
  expect(gapIn([answer(true, null)])).toBe(null);
  expect(gapIn([answer(true, null), answer(false, 'time ran out'), answer(false, 'other')])).toBe('time ran out');
  expect(gapIn([answer(false, null)])).toBe('the server gave no reason');
});
