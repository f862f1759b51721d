// Fixtures for unit tests and the mock API: seeded, so that every run sees the same telemetry.
// A fixture span: { id, parent, service, name, kind, start, duration, status, attributes, events, links }.

/** mulberry32: small, seeded, good enough for fixtures. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function hex(next, digits) {
  let text = '';
  while (text.length < digits) text += Math.floor(next() * 16).toString(16);
  return /^0+$/.test(text) ? text.replace(/.$/, '1') : text;
}

const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const MS = 1e6;

function builder(seed) {
  const next = random(seed);
  const spans = [];
  const logs = [];
  const add = (parent, service, name, kind, start, duration, extra = {}) => {
    const span = {
      id: hex(next, 16),
      parent: parent?.id ?? null,
      service,
      name,
      kind: KIND[kind],
      start: Math.round(start * MS),
      duration: Math.round(duration * MS),
      status: extra.status ?? 'unset',
      message: extra.message ?? '',
      attributes: extra.attributes ?? {},
      events: extra.events ?? [],
      links: extra.links ?? [],
    };
    spans.push(span);
    return span;
  };
  const log = (span, at, severity, body, attributes = {}) =>
    logs.push({ span: span.id, service: span.service, at: Math.round(at * MS), severity, body, attributes });
  return { next, spans, logs, add, log };
}

/** One order through the shop: HTTP at the edge, gRPC inside, messages through the bus. */
export function shopOrder(seed, { declined = false } = {}) {
  const { next, spans, logs, add, log } = builder(seed);
  const order = `ord-${hex(next, 6)}`;
  const k = 0.8 + next() * 0.6;
  const g = add(null, 'gateway', 'POST /api/orders', 'server', 0, 96 * k, {
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/api/orders',
      'http.response.status_code': 202,
      'url.path': '/api/orders',
      'user_agent.original': 'shop-load/1',
      'server.address': '127.0.0.1',
      'server.port': 8080,
      'shop.order.id': order,
    },
  });
  add(g, 'gateway', 'authenticate', 'internal', 0.6, 1.4);
  log(g, 0.4, 9, 'request accepted', { 'http.route': '/api/orders' });
  const cartCall = add(g, 'gateway', 'shop.cart.v1.Cart/Get', 'client', 2.4, 11 * k, {
    attributes: { 'rpc.system.name': 'grpc', 'rpc.method': 'shop.cart.v1.Cart/Get' },
  });
  const cart = add(cartCall, 'cart', 'shop.cart.v1.Cart/Get', 'server', 3.1, 9.4 * k, {
    attributes: { 'rpc.system.name': 'grpc', 'rpc.response.status_code': 'OK' },
  });
  sql(add, cart, 'cart', 'SELECT cart_items', 3.8, 2.1, 'SELECT sku, quantity FROM cart_items WHERE cart_id = ?');
  for (let i = 0; i < 4; i++) {
    const at = 6.2 + i * 1.4 * k;
    const c = add(cart, 'cart', 'shop.catalog.v1.Catalog/GetItem', 'client', at, 1.25 * k);
    const s = add(c, 'catalog', 'shop.catalog.v1.Catalog/GetItem', 'server', at + 0.2, 0.9 * k, {
      attributes: { 'shop.sku': `sku-${100 + i}`, 'service.instance.id': `catalog-${(i % 2) + 1}` },
    });
    sql(add, s, 'catalog', 'SELECT items', at + 0.3, 0.5 * k, 'SELECT * FROM items WHERE sku = ?');
  }
  const t0 = 14 * k + 1;
  const orderCall = add(g, 'gateway', 'shop.order.v1.Orders/Place', 'client', t0, 76 * k);
  const saga = add(orderCall, 'order', 'shop.order.v1.Orders/Place', 'server', t0 + 0.7, 74 * k, {
    attributes: { 'shop.order.id': order, 'shop.order.total_minor': 12990, 'shop.currency': 'EUR' },
    events: [
      { at: t0 + 1.2, name: 'saga started', attributes: { 'saga.steps': 5 } },
      { at: t0 + 70 * k, name: declined ? 'saga compensated' : 'saga finished', attributes: {} },
    ],
  });
  log(saga, t0 + 1.1, 9, `order ${order} placed`, { 'shop.order.id': order });
  sql(add, saga, 'order', 'INSERT orders', t0 + 1.4, 3.2, 'INSERT INTO orders (id, state, total_minor) VALUES (?, ?, ?)');
  const steps = [
    ['reserve', 'inventory', 'shop.inventory.v1.Inventory/Reserve', 10],
    ['authorise', 'payment', 'shop.payment.v1.Payments/Authorise', 30],
    ['book', 'shipping', 'shop.shipping.v1.Shipping/Book', 9],
    ['capture', 'payment', 'shop.payment.v1.Payments/Capture', 8],
  ];
  let at = t0 + 6;
  for (const [step, service, method, cost] of steps) {
    const length = cost * k;
    const failed = declined && step === 'authorise';
    const own = add(saga, 'order', `saga ${step}`, 'internal', at, length, failed ? { status: 'error', message: 'card declined' } : {});
    const c = add(own, 'order', method, 'client', at + 0.3, length - 0.6, failed ? { status: 'error' } : {});
    const s = add(c, service, method, 'server', at + 0.9, length - 1.8, {
      status: failed ? 'error' : 'unset',
      message: failed ? 'card declined: insufficient funds' : '',
      attributes: { 'rpc.system.name': 'grpc', 'rpc.method': method, 'shop.order.id': order },
      events: failed
        ? [
            {
              at: at + length - 2,
              name: 'exception',
              attributes: {
                'exception.type': 'CardDeclined',
                'exception.message': 'insufficient funds',
                'exception.stacktrace': 'CardDeclined: insufficient funds\n    at authorise (payment/src/authorise.rs:88)\n    at handle (payment/src/grpc.rs:41)',
              },
            },
          ]
        : [],
    });
    sql(add, s, service, step === 'reserve' ? 'UPDATE stock' : `INSERT ${service}s`, at + 1.5, Math.min(3, length / 3), step === 'reserve' ? 'UPDATE stock SET reserved = reserved + ? WHERE sku = ?' : `INSERT INTO ${service}s VALUES (?, ?, ?)`);
    log(s, at + length - 2.2, failed ? 17 : 9, failed ? 'card declined: insufficient funds' : `${step} done for ${order}`, { 'shop.order.id': order, ...(failed ? { 'exception.type': 'CardDeclined' } : {}) });
    at += length + 1.2;
    if (failed) {
      const back = add(saga, 'order', 'saga release', 'internal', at, 7, {});
      const bc = add(back, 'order', 'shop.inventory.v1.Inventory/Release', 'client', at + 0.3, 6.2);
      add(bc, 'inventory', 'shop.inventory.v1.Inventory/Release', 'server', at + 0.9, 5);
      log(saga, at, 13, `compensating ${order}: releasing the reservation`, { 'shop.order.id': order });
      at += 8;
      break;
    }
  }
  const publish = add(saga, 'order', 'send order.events', 'producer', at, 3.4, {
    attributes: { 'messaging.system': 'shop-bus', 'messaging.destination.name': 'order.events', 'messaging.operation.type': 'send' },
  });
  const bus = add(publish, 'bus', 'append order.events', 'server', at + 0.6, 2.2, {
    attributes: { 'messaging.destination.name': 'order.events', 'messaging.destination.partition.id': '3' },
  });
  sql(add, bus, 'bus', 'INSERT messages', at + 1, 1.4, 'INSERT INTO messages (topic, partition, payload) VALUES (?, ?, ?)');
  const consumed = at + 22 * k;
  const n = add(publish, 'notification', 'process order.events', 'consumer', consumed, 18 * k, {
    attributes: { 'messaging.system': 'shop-bus', 'messaging.consumer.group.name': 'notification', 'messaging.operation.type': 'process' },
    links: [{ traceId: null, spanId: publish.id, attributes: { 'messaging.message.id': 'm-1' } }],
  });
  add(n, 'notification', 'render template', 'internal', consumed + 1, 6 * k);
  const mail = add(n, 'notification', 'send mail', 'client', consumed + 1 + 6.4 * k, 10 * k, {
    events: [{ at: consumed + 9 * k, name: 'message queued', attributes: { 'smtp.code': 250 } }],
  });
  log(mail, consumed + 9 * k, 5, 'smtp session closed', { 'smtp.code': 250 });
  log(n, consumed + 17 * k, 9, `customer told about ${order}`, { 'shop.order.id': order });
  return finish(seed, spans, logs);
}

function sql(add, parent, service, name, at, length, text) {
  return add(parent, service, name, 'client', at, length, {
    attributes: { 'db.system.name': 'sqlite', 'db.namespace': service, 'db.query.text': text, 'db.operation.name': name.split(' ')[0] },
  });
}

/** A short read: browse, search or cart. */
export function shopRead(seed) {
  const { next, spans, logs, add, log } = builder(seed);
  const [name, service, method] = [
    ['GET /api/items', 'catalog', 'shop.catalog.v1.Catalog/List'],
    ['GET /api/search', 'catalog', 'shop.catalog.v1.Catalog/Search'],
    ['GET /api/cart', 'cart', 'shop.cart.v1.Cart/Get'],
    ['POST /api/cart/items', 'cart', 'shop.cart.v1.Cart/Add'],
  ][Math.floor(next() * 4)];
  const k = 0.5 + next() ** 3 * 6;
  const g = add(null, 'gateway', name, 'server', 0, 9 * k);
  const c = add(g, 'gateway', method, 'client', 0.8, 7.8 * k);
  const s = add(c, service, method, 'server', 1.3, 7 * k);
  sql(add, s, service, 'SELECT items', 1.8, 4.5 * k, 'SELECT * FROM items LIMIT 50');
  log(s, 1.6, 5, 'cache miss', {});
  return finish(seed, spans, logs);
}

/** A wide and deep synthetic trace of n spans over 24 services, with repeated siblings and rare errors. */
export function bigTrace(seed, n) {
  const { next, spans, logs, add } = builder(seed);
  const services = Array.from({ length: 24 }, (_, i) => `service-${String.fromCharCode(97 + i)}${i}`);
  const root = add(null, 'gateway', 'POST /api/batch', 'server', 0, n / 5 + 500);
  const open = [root];
  while (spans.length < n) {
    const parent = open[Math.max(0, open.length - 1 - Math.floor(next() ** 2 * Math.min(open.length, 400)))];
    const room = parent.duration / MS;
    if (room < 0.02) {
      open.pop();
      if (open.length === 0) open.push(root);
      continue;
    }
    const offset = next() * room * 0.9;
    const service = next() < 0.6 ? parent.service : services[Math.floor(next() * services.length)];
    const child = add(parent, service, `operation ${Math.floor(next() * 180)}`, next() < 0.5 ? 'internal' : 'client', parent.start / MS + offset, (room - offset) * (0.1 + next() * 0.85), {
      status: next() < 0.002 ? 'error' : 'unset',
    });
    if (next() < 0.7) open.push(child);
    if (open.length > 3000) open.splice(1, 1500);
  }
  return finish(seed, spans, logs);
}

/** A trace with everything that can be wrong: a missing parent, a duplicate id, a cycle, two roots. */
export function brokenTrace(seed) {
  const { spans, logs, add } = builder(seed);
  const root = add(null, 'gateway', 'GET /api/items', 'server', 0, 40);
  add(root, 'gateway', 'authenticate', 'internal', 1, 3);
  const lost = { id: '00000000deadbeef' };
  const a = add(lost, 'catalog', 'SELECT items', 'client', 12, 6);
  add(lost, 'catalog', 'SELECT prices', 'client', 19, 8, { status: 'error' });
  add(a, 'catalog', 'decode rows', 'internal', 14, 2);
  const twin = add(root, 'catalog', 'twin', 'internal', 30, 4);
  const second = add(root, 'catalog', 'twin again', 'internal', 31, 4);
  second.id = twin.id;
  const x = add(null, 'cart', 'x of a cycle', 'internal', 5, 2);
  const y = add(x, 'cart', 'y of a cycle', 'internal', 6, 2);
  x.parent = y.id;
  return finish(seed, spans, logs);
}

function finish(seed, spans, logs) {
  spans.sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1));
  return { traceId: hex(random(seed * 7919 + 1), 32), spans, logs };
}

/** The columnar skeleton of a fixture, as the API sends it. */
export function skeletonOf(trace, startUnixNano) {
  const { spans } = trace;
  const services = [...new Set(spans.map((s) => s.service))].sort();
  const names = [...new Set(spans.map((s) => s.name))];
  const serviceAt = new Map(services.map((s, i) => [s, i]));
  const nameAt = new Map(names.map((s, i) => [s, i]));
  const at = new Map();
  spans.forEach((s, i) => at.has(s.id) || at.set(s.id, i));
  const missing = new Map();
  for (const s of spans) if (s.parent !== null && !at.has(s.parent)) missing.set(s.parent, (missing.get(s.parent) ?? 0) + 1);
  const lost = [...missing.keys()];
  const end = spans.reduce((m, s) => Math.max(m, s.start + s.duration), 0);
  return {
    trace_id: trace.traceId,
    start_unix_nano: String(startUnixNano),
    duration_nano: end,
    span_count: spans.length,
    error_count: spans.filter((s) => s.status === 'error').length,
    services,
    names,
    spans: {
      id: spans.map((s) => s.id),
      parent: spans.map((s) => (s.parent === null ? -1 : (at.get(s.parent) ?? -2 - lost.indexOf(s.parent)))),
      start_nano: spans.map((s) => s.start),
      duration_nano: spans.map((s) => s.duration),
      service: spans.map((s) => serviceAt.get(s.service)),
      name: spans.map((s) => nameAt.get(s.name)),
      kind: spans.map((s) => s.kind),
      flags: spans.map((s) => (s.status === 'error' ? 1 : s.status === 'ok' ? 2 : 0)),
      event_count: spans.map((s) => s.events.length),
      link_count: spans.map((s) => s.links.length),
    },
    missing_parents: lost.map((id) => ({ span_id: id, child_count: missing.get(id) })),
  };
}

export function keyValues(object) {
  return Object.entries(object).map(([key, value]) => ({
    key,
    value:
      typeof value === 'number'
        ? Number.isInteger(value)
          ? { intValue: String(value) }
          : { doubleValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { stringValue: String(value) },
  }));
}

/** Spans as OTLP JSON resourceSpans, one per span, as a server may well send them. */
export function resourceSpansOf(trace, startUnixNano, ids) {
  const wanted = ids ? new Set(ids) : null;
  const nano = (relative) => String(BigInt(startUnixNano) + BigInt(Math.round(relative)));
  return trace.spans
    .filter((s) => !wanted || wanted.has(s.id))
    .map((s) => ({
      resource: {
        attributes: keyValues({ 'service.name': s.service, 'service.version': '1.4.0', 'service.namespace': 'shop', 'service.instance.id': `${s.service}-1`, 'telemetry.sdk.language': 'rust' }),
      },
      scopeSpans: [
        {
          scope: { name: 'shop', version: '1.4.0' },
          spans: [
            {
              traceId: trace.traceId,
              spanId: s.id,
              parentSpanId: s.parent ?? '',
              name: s.name,
              kind: s.kind,
              startTimeUnixNano: nano(s.start),
              endTimeUnixNano: nano(s.start + s.duration),
              attributes: keyValues(s.attributes),
              events: s.events.map((e) => ({ timeUnixNano: nano(e.at * MS), name: e.name, attributes: keyValues(e.attributes) })),
              links: s.links.map((l) => ({ traceId: l.traceId ?? trace.traceId, spanId: l.spanId, attributes: keyValues(l.attributes) })),
              status: s.status === 'unset' ? {} : { code: s.status === 'error' ? 2 : 1, message: s.message },
            },
          ],
        },
      ],
    }));
}

const SEVERITY_TEXT = { 5: 'DEBUG', 9: 'INFO', 13: 'WARN', 17: 'ERROR' };

export function logRecordsOf(trace, startUnixNano) {
  return trace.logs.map((l, i) => ({
    id: `${trace.traceId}-${i}`,
    time_unix_nano: String(BigInt(startUnixNano) + BigInt(l.at)),
    observed_time_unix_nano: String(BigInt(startUnixNano) + BigInt(l.at) + 1000n),
    severity_number: l.severity,
    severity_text: SEVERITY_TEXT[l.severity] ?? '',
    service: l.service,
    body: l.body,
    body_value: null,
    event_name: '',
    trace_id: trace.traceId,
    span_id: l.span,
    flags: 1,
    attributes: keyValues(l.attributes),
    dropped_attributes_count: 0,
    resource: { attributes: keyValues({ 'service.name': l.service, 'service.version': '1.4.0' }) },
    scope: { name: `shop::${l.service}`, version: '1.4.0', attributes: [] },
  }));
}
