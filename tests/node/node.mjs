// Places one order with the OpenTelemetry SDK for Node. Usage: node node.mjs json|protobuf
// Where telemetry goes, and how, is left to the variables that every OpenTelemetry SDK reads. Prints the ids as JSON.
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufSpans } from '@opentelemetry/exporter-trace-otlp-proto';
import { exportOrder } from './providers.mjs';

const [spans, logs] =
  process.argv[2] === 'json' ? [new JsonSpans(), new JsonLogs()] : [new ProtobufSpans(), new ProtobufLogs()];
console.log(JSON.stringify(await exportOrder('node-shop', spans, logs)));
