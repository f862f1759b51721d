"""One checkout, traced and logged with the OpenTelemetry SDK for Python.

Usage: checkout.py grpc|http

Where telemetry goes, and how, is left to the variables every OpenTelemetry SDK reads
(OTEL_EXPORTER_OTLP_ENDPOINT and so on). Prints the ids it used as one line of JSON, after
everything has been handed over.
"""

import json
import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

resource = Resource.create({"service.name": "python-checkout", "service.version": "1.2.3"})

tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logging.getLogger("checkout").addHandler(LoggingHandler(logger_provider=loggers))

tracer = tracers.get_tracer("checkout", "0.1")
log = logging.getLogger("checkout")

with tracer.start_as_current_span("checkout", kind=trace.SpanKind.SERVER) as checkout:
    checkout.set_attribute("shop.items", 3)
    with tracer.start_as_current_span("charge card", kind=trace.SpanKind.CLIENT) as charge:
        charge.set_attribute("shop.cards", ["visa", "amex"])
        charge.set_status(trace.StatusCode.ERROR, "card declined")
        log.warning("card of customer %s declined", 17)

tracers.shutdown()
loggers.shutdown()

print(
    json.dumps(
        {
            "trace_id": trace.format_trace_id(checkout.get_span_context().trace_id),
            "checkout_span_id": trace.format_span_id(checkout.get_span_context().span_id),
            "charge_span_id": trace.format_span_id(charge.get_span_context().span_id),
        }
    )
)
