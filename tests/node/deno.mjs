// Places one order with the OpenTelemetry that is built into Deno, and says a line, which becomes a log record.
// Usage: OTEL_DENO=true deno run --allow-env deno.mjs; prints the ids as JSON.
import { trace } from '@opentelemetry/api';
import { SCOPE, placeOrder } from './order.mjs';

const { ids } = placeOrder(trace.getTracer(SCOPE.name, SCOPE.version, { schemaUrl: SCOPE.schemaUrl }));
const version = Deno.version.deno;
const resource = {
  'service.name': Deno.env.get('OTEL_SERVICE_NAME'),
  'process.runtime.name': 'deno',
  'process.runtime.version': version,
  'telemetry.sdk.language': 'deno-rust',
  'telemetry.sdk.name': 'deno-opentelemetry',
  // The version of Deno and that of the Rust SDK in it, which it tells nobody else.
  'telemetry.sdk.version': `${version}-0.32.1`,
};
console.log(JSON.stringify({ ...ids, version, resource, failures: [] }));
