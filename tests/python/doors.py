"""Traces with py_zipkin and logs with python-logging-loki, as programs that know nothing of OTLP do.

Usage: doors.py BASE_URL. Prints the trace id.
"""

import json
import logging
import sys

import logging_loki
import requests
from py_zipkin import Encoding, Kind
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.util import ZipkinAttrs, generate_random_128bit_string, generate_random_64bit_string
from py_zipkin.zipkin import zipkin_span

BASE = sys.argv[1]
TRACE_ID = generate_random_128bit_string()


class Reporter(BaseTransportHandler):
    def get_max_payload_bytes(self):
        return None

    def send(self, payload):
        answer = requests.post(
            BASE + "/api/v2/spans",
            data=payload,
            headers={"Content-Type": "application/json"},
            timeout=10,
        )
        assert answer.status_code == 202, answer.text
        assert answer.text == "", answer.text


handler = logging_loki.LokiHandler(
    url=BASE + "/loki/api/v1/push", tags={"app": "loki-checkout"}, version="1"
)
log = logging.getLogger("checkout")
log.addHandler(handler)

attributes = ZipkinAttrs(
    trace_id=TRACE_ID,
    span_id=generate_random_64bit_string(),
    parent_span_id=None,
    flags="0",
    is_sampled=True,
)
with zipkin_span(
    service_name="zipkin-checkout",
    span_name="checkout",
    kind=Kind.SERVER,
    zipkin_attrs=attributes,
    transport_handler=Reporter(),
    encoding=Encoding.V2_JSON,
):
    with zipkin_span(
        service_name="zipkin-checkout", span_name="charge card", kind=Kind.CLIENT
    ) as charge:
        charge.update_binary_annotations({"error": "declined", "http.path": "/pay"})
        log.warning("card of customer %d declined", 17, extra={"tags": {"trace_id": TRACE_ID}})

print(json.dumps({"trace_id": TRACE_ID}))
