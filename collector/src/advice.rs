//! What the owner of a sender should change, for each reason a request was not taken as it was sent.

use crate::reason::Reason;
use crate::receiver::Protocol;

/// The advice for a request that came so and ended for this reason; `None` where nothing is wrong.
pub(crate) fn advice(protocol: Protocol, reason: Reason) -> Option<&'static str> {
    match protocol {
        Protocol::OtlpGrpc | Protocol::OtlpHttp => otlp_advice(reason),
        Protocol::Zipkin | Protocol::Loki | Protocol::JsonLines => {
            foreign_advice(reason).or_else(|| otlp_advice(reason))
        }
    }
}

/// What is different for senders that know nothing of OTLP.
fn foreign_advice(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::MediaType | Reason::Coding | Reason::BadPayload => Some(
            "The message says what is received at this path, and what this sender sent instead. \
             docs/other-protocols.md has settings that work for common senders. The batch was lost.",
        ),
        Reason::TooLarge => Some(
            "Let the sender send smaller batches, or raise --max-request-bytes here. The batch was lost.",
        ),
        Reason::BodyTimeout | Reason::BodyBroken => Some(
            "The network between the sender and here is slow or broken, or the sender gave up early: \
             raise its timeout.",
        ),
        _ => None,
    }
}

fn otlp_advice(reason: Reason) -> Option<&'static str> {
    let advice = match reason {
        Reason::Accepted => return None,
        Reason::RecordsRejected => {
            "The message names what is wrong with the rejected records; the others were stored. \
             Sending the same records again does not help."
        }
        Reason::UnknownPath => {
            "Give the exporter the base address only (OTEL_EXPORTER_OTLP_ENDPOINT); it appends \
             /v1/traces and /v1/logs itself. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is \
             and must end in /v1/traces."
        }
        Reason::ForbiddenHost => {
            "If the sender's endpoint has a name of this server, start the server with that name in \
             --allowed-hosts. If not, somebody else's name points here."
        }
        Reason::Unauthenticated => {
            "Give the sender a token (`spandrel token new NAME` makes one), as \
             OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer%20TOKEN\" or the headers of its exporter."
        }
        Reason::Method => "Telemetry is sent with POST; a browser or a health check sent this.",
        Reason::NotHttp => {
            "An exporter with an https address speaks TLS, which this port does not: use http (or \
             insecure: true in a Collector), or give --tls-cert and --tls-key here."
        }
        Reason::NotEncrypted => {
            "This port speaks TLS: use an https address, let the sender trust the certificate \
             (OTEL_EXPORTER_OTLP_CERTIFICATE), and where --tls-client-ca is given let it show one of \
             its own (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)."
        }
        Reason::HttpVersion => {
            "gRPC needs HTTP/2 all the way; a proxy in between speaks HTTP/1.1 to this port."
        }
        Reason::MediaType => {
            "Check protocol and port: OTLP/gRPC goes to 4317 (OTEL_EXPORTER_OTLP_PROTOCOL=grpc), \
             OTLP/HTTP to 4318 (http/protobuf or http/json)."
        }
        Reason::Coding => "Set OTEL_EXPORTER_OTLP_COMPRESSION to gzip or none.",
        Reason::TooLarge => {
            "Send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BLRP_MAX_EXPORT_BATCH_SIZE, \
             send_batch_max_size in a Collector), or raise --max-request-bytes here. The batch was lost."
        }
        Reason::Overloaded => {
            "The sender was asked to come back and loses nothing while its queue lasts. If this goes on, \
             this machine is too small for the load, or --memory is."
        }
        Reason::BodyTimeout | Reason::BodyBroken => {
            "The network between the sender and here is slow or broken, or the sender gave up early: \
             raise its timeout (OTEL_EXPORTER_OTLP_TIMEOUT)."
        }
        Reason::BadFrame => {
            "This is not a unary gRPC message; a proxy in between may speak another protocol."
        }
        Reason::Corrupt => {
            "The bytes are not what Content-Encoding says; a proxy in between may have changed them."
        }
        Reason::BadPayload => {
            "The message names the place. Update the exporter, or check that its Content-Type says \
             what it sends (application/x-protobuf or application/json). The batch was lost."
        }
        Reason::NotStored | Reason::AppendTimeout => {
            "The disk here is full, failing or too slow; /api/v1/status says what of it. The sender was \
             asked to come back."
        }
        Reason::Internal => "This is a fault of Spandrel; its log has more under the number given.",
    };
    Some(advice)
}
