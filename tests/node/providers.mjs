// The SDK for JavaScript with the exporters of a story, for Node and for pages alike.
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { SCOPE, logOrder, placeOrder } from './order.mjs';

/** Places one order, hands it over, and returns its ids, what the SDK says of itself, and what went wrong. */
export async function exportOrder(service, spanExporter, logExporter) {
  const failures = [];
  const resource = defaultResource().merge(
    resourceFromAttributes({ 'service.name': service, 'service.version': '1.2.3' }),
  );
  const tracers = new TracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor({ exporter: told(spanExporter, failures) })],
  });
  const loggers = new LoggerProvider({
    resource,
    processors: [new SimpleLogRecordProcessor({ exporter: told(logExporter, failures) })],
  });
  const { name, version, schemaUrl } = SCOPE;
  const { ids, context } = placeOrder(tracers.getTracer(name, version, { schemaUrl }));
  logOrder(loggers.getLogger(name, version, { schemaUrl }), context);
  for (const provider of [tracers, loggers]) {
    await provider.shutdown().catch((error) => failures.push(String(error)));
  }
  return { ...ids, resource: resource.attributes, failures };
}

/** The exporter, whose failures are remembered: the SDK itself only logs them. */
function told(exporter, failures) {
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    send(items, (result) => {
      if (result.code !== 0) failures.push(String(result.error));
      done(result);
    });
  return exporter;
}
