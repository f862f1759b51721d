"""Makes spans at a fixed rate with the OpenTelemetry SDK for Python and its own exporters, and prints what became of them.

Usage: sender.py grpc|http ENDPOINT SERVICE SECONDS SPANS_A_SECOND EXPORTERS
Says `ready` on a line of its own, and begins when it is sent a line.
"""

import json
import logging
import sys
import threading
import time

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

# How long the SDK may retry one export. It ends after six attempts whatever this is.
TIMEOUT_SECONDS = 600


def exporter_of(protocol, endpoint):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=TIMEOUT_SECONDS)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=TIMEOUT_SECONDS)


class Counting(SpanExporter):
    """An exporter of the SDK, whose results are counted."""

    def __init__(self, inner):
        self.inner = inner
        self.delivered = 0
        self.given_up = 0
        self.export_seconds = []

    def export(self, spans):
        began = time.monotonic()
        result = self.inner.export(spans)
        if result == SpanExportResult.SUCCESS:
            self.delivered += len(spans)
            self.export_seconds.append(time.monotonic() - began)
        else:
            self.given_up += len(spans)
        return result

    def shutdown(self):
        self.inner.shutdown()


def make_spans(tracers, seconds, rate):
    made = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        if made >= elapsed * rate:
            time.sleep(0.01)
            continue
        attributes = {"http.route": "/x", "user.id": made % 1000, "note": "n" * 200}
        with tracers[made % len(tracers)].start_as_current_span("work", attributes=attributes):
            made += 1
    return made


def drain(providers):
    """Hands over what the queues still hold."""

    def end(provider):
        provider.force_flush(TIMEOUT_SECONDS * 1000)
        provider.shutdown()

    threads = [threading.Thread(target=end, args=(provider,)) for provider in providers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    protocol, endpoint, service = sys.argv[1:4]
    seconds, rate, count = float(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
    # Each refused attempt and each dropped span would be a line.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporters = [Counting(exporter_of(protocol, endpoint)) for _ in range(count)]
    providers = []
    for exporter in exporters:
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        # The sizes are the SDK's own.
        provider.add_span_processor(
            BatchSpanProcessor(
                exporter, max_queue_size=2048, max_export_batch_size=512, schedule_delay_millis=200
            )
        )
        providers.append(provider)
    print("ready", flush=True)
    sys.stdin.readline()
    made = make_spans([provider.get_tracer("load") for provider in providers], seconds, rate)
    ended = time.monotonic()
    drain(providers)
    delivered = sum(exporter.delivered for exporter in exporters)
    given_up = sum(exporter.given_up for exporter in exporters)
    account = {
        "service": service,
        "sender": "Python SDK",
        "protocol": protocol,
        "made": made,
        "delivered": delivered,
        "given_up": given_up,
        # What no exporter ever got: the queue drops its oldest span when it is full.
        "dropped": made - delivered - given_up,
        "drain_seconds": time.monotonic() - ended,
        "export_seconds": [took for exporter in exporters for took in exporter.export_seconds],
    }
    print(json.dumps(account))


main()
