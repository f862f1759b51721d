// One order of a shop, traced and logged. Everything in it is fixed but the ids, so that what arrives can be compared
// field by field: `tests/src/order.rs` says what that is. The same order is placed by Python and Rust.
import { ROOT_CONTEXT, SeverityNumber, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace } from '@opentelemetry/api';

/** Seconds since 1970 at which everything happens; times here add nanoseconds, which no JavaScript number could hold. */
const SECONDS = 1_790_000_000;
const at = (nanoseconds) => [SECONDS, nanoseconds];

export const SCOPE = { name: 'shop.checkout', version: '0.7', schemaUrl: 'https://opentelemetry.io/schemas/1.44.0' };

/** Where the order came from: another trace, elsewhere. */
const CART = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  traceState: createTraceState('shop=cart'),
};

/** Traces the order and returns its ids and the context of its second span. */
export function placeOrder(tracer) {
  const checkout = tracer.startSpan(
    'POST /checkout',
    {
      kind: SpanKind.SERVER,
      startTime: at(1),
      attributes: {
        'shop.customer': 'Zoë 🛒 "quoted"\n',
        'shop.note': '',
        'shop.items': 3,
        'shop.total': 12.5,
        'shop.gift': true,
        'shop.cards': ['visa', 'amex'],
        'shop.prices': [0.25, 1.75],
        'shop.quantities': [1, 2],
        'shop.flags': [true, false],
      },
    },
    ROOT_CONTEXT,
  );
  checkout.addEvent('item reserved', { 'shop.sku': 'A-1', 'shop.shelf': 7 }, at(50_000_002));
  const context = trace.setSpan(ROOT_CONTEXT, checkout);
  const charge = tracer.startSpan(
    'charge card',
    {
      kind: SpanKind.CLIENT,
      startTime: at(100_000_003),
      links: [{ context: CART, attributes: { 'shop.cart': 'c-9' } }],
    },
    context,
  );
  charge.setStatus({ code: SpanStatusCode.ERROR, message: 'card declined' });
  charge.end(at(200_000_004));
  checkout.end(at(250_000_005));
  const ids = {
    trace_id: checkout.spanContext().traceId,
    checkout_span_id: checkout.spanContext().spanId,
    charge_span_id: charge.spanContext().spanId,
  };
  return { ids, context: trace.setSpan(context, charge) };
}

/** Logs what went wrong within the order, and something that belongs to no trace. */
export function logOrder(logger, context) {
  logger.emit({
    eventName: 'card.declined',
    timestamp: at(150_000_006),
    observedTimestamp: at(150_000_007),
    severityNumber: SeverityNumber.WARN,
    severityText: 'WARN',
    body: { reason: 'no money', attempts: 2, codes: ['51', '05'], final: true },
    attributes: { 'shop.customer': 17, 'shop.card': 'visa' },
    context,
  });
  logger.emit({
    timestamp: at(160_000_008),
    observedTimestamp: at(160_000_009),
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: 'the shop closes',
    context: ROOT_CONTEXT,
  });
}
