// A stand-in for the server: the native API over fixtures, and the built bundle with the SPA fallback.
// Usage: node dev/mock-server.mjs [port] [--empty]. It understands just enough of the query language to develop with.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fixtures from './fixtures.mjs';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const ENVELOPE = { complete: true, incomplete_reason: null, scanned: { splits: 2, hot_batches: 1, rows: 4242, body_bytes: 0 }, elapsed_micros: 1830 };

function world(now) {
  const traces = [];
  for (let i = 0; i < 120; i++) {
    const make = i % 3 === 0 ? fixtures.shopOrder(i + 1, { declined: i % 9 === 6 }) : fixtures.shopRead(i + 1);
    traces.push({ trace: make, start: BigInt(Math.round(now - i * 21_000 - 4000)) * 1_000_000n + BigInt(i * 977) });
  }
  const at = (seconds) => BigInt(now - seconds * 1000) * 1_000_000n;
  traces.push({ trace: fixtures.brokenTrace(500), start: at(60) });
  traces.push({ trace: fixtures.bigTrace(501, 10_000), start: at(3000) });
  traces.push({ trace: fixtures.bigTrace(502, 100_000), start: at(3300) });
  const byId = new Map(traces.map((t) => [t.trace.traceId, t]));
  const logs = traces.flatMap((t) => fixtures.logRecordsOf(t.trace, t.start));
  return { traces, byId, logs };
}

function hit({ trace, start }, matched) {
  const root = trace.spans.find((s) => s.parent === null);
  const services = new Map();
  for (const s of trace.spans) {
    const entry = services.get(s.service) ?? { name: s.service, span_count: 0, error_count: 0 };
    entry.span_count++;
    if (s.status === 'error') entry.error_count++;
    services.set(s.service, entry);
  }
  return {
    trace_id: trace.traceId,
    root: root ? { span_id: root.id, service: root.service, name: root.name } : null,
    start_unix_nano: String(start),
    duration_nano: trace.spans.reduce((m, s) => Math.max(m, s.start + s.duration), 0),
    span_count: trace.spans.length,
    error_count: trace.spans.filter((s) => s.status === 'error').length,
    services: [...services.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    matched: {
      span_count: matched.length,
      span_id: matched[0].id,
      service: matched[0].service,
      name: matched[0].name,
      start_unix_nano: String(start + BigInt(matched[0].start)),
      duration_nano: matched[0].duration,
    },
  };
}

function parse(q) {
  const list = [];
  for (const m of q.matchAll(/(-?)(?:("[^"]*"|[\w.]+)(:|>=|<=|>|<))?("[^"]*"|[^\s"]+)/g)) {
    list.push({ not: m[1] === '-', key: m[2]?.replaceAll('"', ''), op: m[3], value: m[4].replaceAll('"', '') });
  }
  return list;
}

const UNIT = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9 };

function nanos(text) {
  const m = /^([\d.]+)(ns|us|ms|s|m)$/.exec(text);
  return m ? Number(m[1]) * UNIT[m[2]] : Number.NaN;
}

function spanMatches(span, list) {
  return list.every(({ not, key, op, value }) => {
    let ok;
    if (key === undefined) ok = span.name.toLowerCase().includes(value.toLowerCase());
    else if (key === 'service') ok = span.service === value;
    else if (key === 'name' || key === 'operation') ok = span.name === value;
    else if (key === 'status') ok = span.status === value;
    else if (key === 'duration') ok = op.startsWith('>') ? span.duration >= nanos(value) : span.duration <= nanos(value);
    else ok = value === '*' ? key in span.attributes : String(span.attributes[key]) === value;
    return ok !== not;
  });
}

function logMatches(log, list) {
  return list.every(({ not, key, op, value }) => {
    const floor = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 }[value];
    let ok;
    if (key === undefined) ok = log.body.toLowerCase().includes(value.toLowerCase());
    else if (key === 'service') ok = log.service === value;
    else if (key === 'severity') ok = op === '>=' ? log.severity_number >= floor : log.severity_number >= floor && log.severity_number < floor + 4;
    else if (key === 'trace_id') ok = log.trace_id === value;
    else ok = log.attributes.some((a) => a.key === key && Object.values(a.value)[0] === value);
    return ok !== not;
  });
}

const inRange = (params, nano) => {
  const bound = (text) => BigInt(new Date(text).getTime()) * 1_000_000n;
  return (!params.has('start') || nano >= bound(params.get('start'))) && (!params.has('end') || nano < bound(params.get('end')));
};

function page(list, params, fallback) {
  const limit = Number(params.get('limit') ?? fallback);
  const from = Number(params.get('cursor') ?? 0);
  return { list: list.slice(from, from + limit), next_cursor: from + limit < list.length ? String(from + limit) : null };
}

class ApiError extends Error {
  constructor(status, code, message, parameter = null) {
    super(message);
    this.status = status;
    this.body = { error: { code, message, parameter } };
  }
}

function searchTraces(w, params) {
  const q = params.get('q') ?? '';
  if ((q.match(/"/g) ?? []).length % 2) throw new ApiError(400, 'invalid_parameter', `unclosed quote at position ${q.lastIndexOf('"')}`, 'q');
  const list = parse(q);
  const hits = w.traces
    .filter((t) => inRange(params, t.start))
    .map((t) => ({ t, matched: t.trace.spans.filter((s) => spanMatches(s, list)) }))
    .filter((x) => x.matched.length > 0)
    .map((x) => hit(x.t, x.matched.sort((a, b) => b.duration - a.duration)));
  if (params.get('order') === 'slowest') hits.sort((a, b) => b.matched.duration_nano - a.matched.duration_nano);
  else hits.sort((a, b) => (BigInt(b.start_unix_nano) > BigInt(a.start_unix_nano) ? 1 : -1));
  const { list: traces, next_cursor } = page(hits, params, 20);
  return { traces, next_cursor, ...ENVELOPE };
}

function searchLogs(w, params) {
  const list = parse(params.get('q') ?? '');
  const found = w.logs
    .filter((l) => inRange(params, BigInt(l.time_unix_nano)))
    .filter((l) => !params.has('trace_id') || l.trace_id === params.get('trace_id'))
    .filter((l) => !params.has('span_id') || l.span_id === params.get('span_id'))
    .filter((l) => logMatches(l, list))
    .sort((a, b) => (BigInt(a.time_unix_nano) > BigInt(b.time_unix_nano) ? 1 : -1));
  if (params.get('order') !== 'oldest') found.reverse();
  const { list: logs, next_cursor } = page(found, params, 100);
  return { logs, next_cursor, ...ENVELOPE };
}

function tally(entries, key) {
  const counts = new Map();
  for (const e of entries) counts.set(key(e), (counts.get(key(e)) ?? 0) + 1);
  return counts;
}

function status(w, empty) {
  return {
    version: '0.0.0',
    endpoints: { otlp_grpc: '127.0.0.1:4317', otlp_http: '127.0.0.1:4318', http: '127.0.0.1:4319', is_encrypted: false, needs_token: false },
    stored: { spans: empty ? 0 : w.traces.reduce((n, t) => n + t.trace.spans.length, 0), log_records: empty ? 0 : w.logs.length, splits: 2, bytes: 12_400_000, wal_bytes: 180_000, hot_spans: 12, hot_log_records: 4 },
    on_disk: {
      traces: { splits: 1, rows: 40_000, data_bytes: 6_100_000, index_bytes: 2_300_000, wal_bytes: 90_000, backlog_splits: 0, backlog_rows: 0, oldest_sealed_unix_nano: null },
      logs: { splits: 1, rows: 30_000, data_bytes: 3_000_000, index_bytes: 1_000_000, wal_bytes: 40_000, backlog_splits: 0, backlog_rows: 0, oldest_sealed_unix_nano: null },
    },
    disk: { used_bytes: 12_700_000, limit_bytes: 80_000_000_000, available_bytes: 60_000_000_000, data_bytes: 8_100_000, index_bytes: 3_300_000, body_bytes: 1_000_000, wal_bytes: 180_000, catalog_bytes: 120_000, temporary_bytes: 0, set_aside_bytes: 0, shortage: null, refused_appends: 0 },
    memory: { budget_bytes: 3_100_000_000, budget_source: 'machine', held_bytes: 212_000_000, is_short: false, in_flight_bytes: 31_000, in_flight_bytes_max: 268_435_456, request_bytes_max: 67_108_864, hot_bytes: 9_400_000, hot_bytes_max: 134_217_728, seal_bytes: 67_108_864, query_bytes: 0, query_bytes_max: 785_000_000 },
    deleted: { by_age: { splits: 0, bytes: 0 }, by_size: { splits: 0, bytes: 0 } },
    set_aside: [],
    unreadable_splits: 0,
    compaction: { merges: 3, merged_splits: 48, rows: 70_000, input_bytes: 14_100_000, output_bytes: 12_400_000, cpu_seconds: 0.4, last_error: null },
    oldest_span_unix_nano: empty ? null : String(w.traces.at(-1).start),
    newest_span_unix_nano: empty ? null : String(w.traces[0].start),
    oldest_log_unix_nano: empty ? null : w.logs.at(-1).time_unix_nano,
    newest_log_unix_nano: empty ? null : w.logs[0].time_unix_nano,
    data_dir: './spandrel-data',
    retention_age_secs: 7 * 86400,
    min_retention_secs: 3600,
    uptime_secs: 4000,
  };
}

function api(w, empty, url, body) {
  const path = url.pathname.slice('/api/v1'.length);
  const params = url.searchParams;
  if (path === '/status') return status(w, empty);
  if (empty) w = { traces: [], byId: new Map(), logs: [] };
  if (path === '/traces') return searchTraces(w, params);
  if (path === '/logs') return searchLogs(w, params);
  const spans = w.traces.slice(0, -2).flatMap((t) => t.trace.spans);
  if (path === '/services') {
    const logs = tally(w.logs, (l) => l.service);
    const services = [...tally(spans, (s) => s.service)].map(([name, span_count]) => ({ name, span_count, log_count: logs.get(name) ?? 0 }));
    return { services: services.sort((a, b) => (a.name < b.name ? -1 : 1)), ...ENVELOPE };
  }
  const operations = /^\/services\/([^/]+)\/operations$/.exec(path);
  if (operations) {
    const service = decodeURIComponent(operations[1]);
    const counts = tally(spans.filter((s) => s.service === service), (s) => s.name);
    return { operations: [...counts].map(([name, span_count]) => ({ name, kind: 'server', span_count })), ...ENVELOPE };
  }
  const trace = /^\/traces\/([0-9a-f]{32})(\/skeleton|\/spans)?$/i.exec(path);
  const found = trace && w.byId.get(trace[1].toLowerCase());
  if (!found) throw new ApiError(404, 'not_found', trace ? `no span of trace ${trace[1]} is stored` : `no such path: ${path}`);
  if (trace[2] === '/skeleton') return { ...fixtures.skeletonOf(found.trace, found.start), ...ENVELOPE };
  const ids = trace[2] === '/spans' ? JSON.parse(body).span_ids : null;
  return { resourceSpans: fixtures.resourceSpansOf(found.trace, found.start, ids), ...ENVELOPE };
}

async function serveFile(path, accept, response) {
  const file = normalize(path).replace(/^(\.\.[/\\])+/, '');
  try {
    const content = await readFile(join(DIST, file === '/' ? 'index.html' : file));
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? TYPES['.html'], 'cache-control': 'no-cache' });
    response.end(content);
  } catch {
    if (path.startsWith('/assets/') || !accept.includes('text/html')) {
      response.writeHead(404).end();
      return;
    }
    await serveFile('/', accept, response);
  }
}

/** Starts the mock; resolves to { port, close }. Port 0 takes a free one. */
export function startMock({ port = 0, empty = false } = {}) {
  const w = world(Date.now());
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://mock');
    if (!url.pathname.startsWith('/api/')) {
      void serveFile(url.pathname, request.headers.accept ?? '', response);
      return;
    }
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      let [code, answer] = [200, null];
      try {
        answer = api(w, empty, url, body);
      } catch (error) {
        code = error.status ?? 500;
        answer = error.body ?? { error: { code: 'internal', message: String(error), parameter: null } };
      }
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve({ port: server.address().port, close: () => server.close(), world: w }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.argv.slice(2).find((a) => /^\d+$/.test(a)) ?? 4999);
  const mock = await startMock({ port, empty: process.argv.includes('--empty') });
  console.log(`mock API and UI on http://127.0.0.1:${mock.port}`);
}
