// What runs in a page: the OpenTelemetry SDK as it is bundled for browsers.
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufSpans } from '@opentelemetry/exporter-trace-otlp-proto';
import { exportOrder } from './providers.mjs';

const EXPORTERS = { json: [JsonSpans, JsonLogs], protobuf: [ProtobufSpans, ProtobufLogs] };

/** Places one order and exports it to the server at this address. */
globalThis.order = (service, encoding, endpoint, timeoutMillis) => {
  const [Spans, Logs] = EXPORTERS[encoding];
  return exportOrder(
    service,
    new Spans({ url: `${endpoint}/v1/traces`, timeoutMillis }),
    new Logs({ url: `${endpoint}/v1/logs`, timeoutMillis }),
  );
};

/** Sends one span the way a page does that is being closed. */
globalThis.beacon = (endpoint, traceId) => {
  const span = { traceId, spanId: '00f067aa0ba902b7', name: 'closed', startTimeUnixNano: '1790000000000000000' };
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  return navigator.sendBeacon(`${endpoint}/v1/traces`, new Blob([body], { type: 'application/json' }));
};
