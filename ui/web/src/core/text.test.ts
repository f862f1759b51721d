import { expect, test } from 'vitest';
import * as format from './format.ts';
import { addTerm, equalityTerm, pastedTrace, quote, terms, valueOf, withTerm } from './query-text.ts';
import { splitName } from './span-name.ts';
import { suggest } from './suggest.ts';
import { bounds, parseRange, presetHolding, printRange } from './time-range.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

test.each([
  [0, '0 ns'],
  [412, '412 ns'],
  [999.6, '1.00 µs'],
  [1234, '1.23 µs'],
  [412_000, '412 µs'],
  [999_600, '1.00 ms'],
  [1_230_000, '1.23 ms'],
  [12_340_000, '12.3 ms'],
  [123_400_000, '123 ms'],
  [1_500_000_000, '1.50 s'],
  [59_990_000_000, '60.0 s'],
  [60_000_000_000, '1 m 00 s'],
  [125_000_000_000, '2 m 05 s'],
  [12_000_000_000_000, '3 h 20 m'],
  [180_000_000_000_000, '2 d 02 h'],
])('%d ns reads as %s', (nanos, text) => expect(format.duration(nanos)).toBe(text));

test('counts, bytes, shares and ages', () => {
  expect(format.count(12345)).toBe('12,345');
  expect(format.shortCount(12_345)).toBe('12.3k');
  expect(format.shortCount(999_999)).toBe('1.00M');
  expect(format.bytes(1536)).toBe('1.50 KiB');
  expect(format.percent(0.2934)).toBe('29 %');
  expect(format.percent(0.0004)).toBe('< 0.1 %');
  expect(format.plural(1, 'span')).toBe('1 span');
  expect(format.age(1_000_000_000_000_000_000n, 1_000_000_090_000)).toBe('1 m ago');
  expect(format.axisDuration(1_500_000)).toBe('1.5 ms');
});

test('times keep their nanoseconds', () => {
  expect(format.rfc3339(1_700_000_000_123_456_789n)).toBe('2023-11-14T22:13:20.123456789Z');
  expect(format.clock(1_700_000_000_123_456_789n, 9).slice(-9)).toBe('123456789');
});

test('a query is read into terms with their places', () => {
  const text = 'service:cart -name:"GET \\"x\\"" duration>=5ms "two words" bare http.route:/pay/* -body~"\\d \\"x" a~b';
  expect(terms(text).map((t) => [t.negated, t.key, t.operator, t.value])).toEqual([
    [false, 'service', ':', 'cart'],
    [true, 'name', ':', 'GET "x"'],
    [false, 'duration', '>=', '5ms'],
    [false, null, null, 'two words'],
    [false, null, null, 'bare'],
    [false, 'http.route', ':', '/pay/*'],
    [true, 'body', '~', '\\d \\"x'],
    [false, 'a', '~', 'b'],
  ]);
  for (const term of terms(text)) expect(text.slice(term.from, term.to)).not.toMatch(/^\s|\s$/);
});

test('reading an unfinished query ends and loses nothing', () => {
  for (const text of ['"', 'a:"', '-', '- a', ':', ':x', 'a:', 'a>', '"a":', '\\']) {
    const list = terms(text);
    expect(list.map((t) => text.slice(t.from, t.to)).join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
  }
});

test('a picker replaces its term and leaves the others', () => {
  expect(withTerm('status:error service:cart timeout', ['service'], 'order')).toBe('status:error service:order timeout');
  expect(withTerm('status:error', ['name', 'operation'], 'POST /api/orders')).toBe('status:error name:"POST /api/orders"');
  expect(withTerm('service:a -service:b', ['service'], null)).toBe('-service:b');
  expect(valueOf('operation:"GET /x"', ['name', 'operation'])).toBe('GET /x');
  expect(valueOf('service:a service:b', ['service'])).toBe(null);
});

test('values are quoted where the language needs it', () => {
  expect(quote('cart')).toBe('cart');
  expect(quote('/pay')).toBe('/pay');
  expect(quote('a b')).toBe('"a b"');
  expect(quote('say "hi"')).toBe('"say \\"hi\\""');
  expect(quote('ends*')).toBe('"ends*"');
  expect(quote('')).toBe('""');
  expect(equalityTerm('my key', 'x y', true)).toBe('-"my key":"x y"');
  expect(equalityTerm('~a', '~b')).toBe('"~a":~b');
  for (const value of ['a', 'a b', '"', '\\', 'x*', '-x', ':']) {
    expect(terms(equalityTerm('k', value))[0].value).toBe(value);
  }
  expect(addTerm('a b:c', 'b:c')).toBe('a b:c');
});

test('a pasted id opens its trace', () => {
  expect(pastedTrace(TRACE)).toEqual({ traceId: TRACE, spanId: null });
  expect(pastedTrace(`  ${TRACE.toUpperCase()}\n`)).toEqual({ traceId: TRACE, spanId: null });
  expect(pastedTrace(`00-${TRACE}-b7ad6b7169203331-01`)).toEqual({ traceId: TRACE, spanId: 'b7ad6b7169203331' });
  expect(pastedTrace(`failed, see http://x/trace/${TRACE}?a=1`)).toEqual({ traceId: TRACE, spanId: null });
});

test('an RPC name is split before its service, other names are not', () => {
  expect(splitName('shop.cart.v1.Cart/Get')).toEqual({ prefix: 'shop.cart.v1.', rest: 'Cart/Get' });
  for (const name of ['POST /api/orders', 'Cart/Get', 'a.b', 'SELECT items', '']) {
    expect(splitName(name)).toEqual({ prefix: '', rest: name });
  }
});

test('what is not one trace id is a query', () => {
  expect(pastedTrace(`trace_id:${TRACE}`)).toBe(null);
  expect(pastedTrace('0'.repeat(32))).toBe(null);
  expect(pastedTrace(`${TRACE} ${TRACE.replace('0', '1')}`)).toBe(null);
  expect(pastedTrace(`${TRACE}ff`)).toBe(null);
  expect(pastedTrace('service:cart')).toBe(null);
});

test('time ranges survive the URL', () => {
  const now = new Date('2026-01-01T12:00:00Z');
  expect(bounds(parseRange('15m'), now)).toEqual({ start: '2026-01-01T11:45:00.000Z' });
  expect(bounds(parseRange('all'), now)).toEqual({});
  expect(printRange(parseRange(undefined))).toBe(undefined);
  const absolute = '2026-01-01T10:00:00.000Z..2026-01-01T10:15:00.000Z';
  expect(printRange(parseRange(absolute))).toBe(absolute);
  expect(bounds(parseRange(absolute), now)).toEqual({ start: '2026-01-01T10:00:00.000Z', end: '2026-01-01T10:15:00.000Z' });
  expect(parseRange('b..a')).toEqual({ kind: 'last', preset: '1h' });
  expect(presetHolding(BigInt(now.getTime() - 3 * 3_600_000) * 1_000_000n, now)).toBe('6h');
  expect(presetHolding(0n, now)).toBe('all');
});

const known = {
  signal: 'traces' as const,
  services: [
    { name: 'cart', count: 5 },
    { name: 'catalog', count: 9 },
  ],
  operations: [{ name: 'POST /api/orders', count: 3 }],
};

test('the box offers keys, then the values of a key, the most frequent first', () => {
  expect(suggest('ser', 3, known)?.list.map((s) => s.text)).toEqual(['service:']);
  expect(suggest('a -service:ca', 13, known)).toEqual({
    from: 11,
    to: 13,
    list: [
      { text: 'catalog', about: '9 spans', more: false },
      { text: 'cart', about: '5 spans', more: false },
    ],
  });
  expect(suggest('name:"POST /', 12, known)?.list[0].text).toBe('"POST /api/orders"');
  expect(suggest('status:error', 12, known)).toBe(null);
  expect(suggest('seve', 4, known)).toBe(null);
  expect(suggest('seve', 4, { ...known, signal: 'logs' })?.list.map((s) => s.text)).toEqual(['severity>=', 'severity:']);
});
