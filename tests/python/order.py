"""One order of a shop, traced and logged with the OpenTelemetry SDK for Python.

Usage: order.py grpc|http

Everything in it is fixed but the ids, so that what arrives can be compared field by field:
`tests/src/order.rs` says what that is. Where telemetry goes, and how, is left to the variables every
OpenTelemetry SDK reads (OTEL_EXPORTER_OTLP_ENDPOINT and so on). Prints the ids it used as one line
of JSON, after everything has been handed over.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

SCOPE = ("shop.checkout", "0.7", "https://opentelemetry.io/schemas/1.44.0")


def at(nanoseconds):
    return 1_790_000_000_000_000_000 + nanoseconds


resource = Resource.create({"service.name": "python-shop", "service.version": "1.2.3"})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
tracer = tracers.get_tracer(*SCOPE)
logger = loggers.get_logger(*SCOPE)

checkout = tracer.start_span(
    "POST /checkout",
    context=Context(),
    kind=SpanKind.SERVER,
    start_time=at(1),
    attributes={
        "shop.customer": 'Zoë 🛒 "quoted"\n',
        "shop.note": "",
        "shop.items": 3,
        "shop.total": 12.5,
        "shop.gift": True,
        "shop.cards": ["visa", "amex"],
        "shop.prices": [0.25, 1.75],
        "shop.quantities": [1, 2],
        "shop.flags": [True, False],
    },
)
checkout.add_event("item reserved", {"shop.sku": "A-1", "shop.shelf": 7}, at(50_000_002))
in_checkout = trace.set_span_in_context(checkout, Context())
cart = SpanContext(
    0x0AF7651916CD43DD8448EB211C80319C,
    0xB7AD6B7169203331,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("shop", "cart")]),
)
charge = tracer.start_span(
    "charge card",
    context=in_checkout,
    kind=SpanKind.CLIENT,
    start_time=at(100_000_003),
    links=[trace.Link(cart, {"shop.cart": "c-9"})],
)
logger.emit(
    LogRecord(
        event_name="card.declined",
        timestamp=at(150_000_006),
        observed_timestamp=at(150_000_007),
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body={"reason": "no money", "attempts": 2, "codes": ["51", "05"], "final": True},
        attributes={"shop.customer": 17, "shop.card": "visa"},
        context=trace.set_span_in_context(charge, in_checkout),
    )
)
logger.emit(
    LogRecord(
        timestamp=at(160_000_008),
        observed_timestamp=at(160_000_009),
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        body="the shop closes",
        context=Context(),
    )
)
charge.set_status(trace.StatusCode.ERROR, "card declined")
charge.end(at(200_000_004))
checkout.end(at(250_000_005))

tracers.shutdown()
loggers.shutdown()

print(
    json.dumps(
        {
            "trace_id": trace.format_trace_id(checkout.get_span_context().trace_id),
            "checkout_span_id": trace.format_span_id(checkout.get_span_context().span_id),
            "charge_span_id": trace.format_span_id(charge.get_span_context().span_id),
            "resource": dict(resource.attributes),
            "failures": [],
        }
    )
)
