//! Metrics are not stored; their points are counted, so that the answer can say how many were rejected.

use super::json::lists::{Path, each as each_in};
use super::json::text::JsonText;
use super::walk::Walk;
use super::walk::wire::{delimited, each};
use super::{DecodeError, Encoding};

/// `ExportMetricsServiceRequest.resource_metrics`.
const RESOURCES: u32 = delimited(1);
/// `ResourceMetrics.scope_metrics` and `ScopeMetrics.metrics`.
const ITEMS: u32 = delimited(2);
/// `Metric.gauge`, `sum`, `histogram`, `exponential_histogram` and `summary`.
const KINDS: [u32; 5] = [
    delimited(5),
    delimited(7),
    delimited(9),
    delimited(10),
    delimited(11),
];
/// `data_points` of all of those.
const POINTS: u32 = delimited(1);

/// The same in JSON.
const JSON_LISTS: [&str; 3] = ["resourceMetrics", "scopeMetrics", "metrics"];
const JSON_KINDS: [&str; 5] = [
    "gauge",
    "sum",
    "histogram",
    "exponentialHistogram",
    "summary",
];
const JSON_POINTS: &str = "dataPoints";

/// How many data points a metrics export request holds. Nothing is built of them.
///
/// # Errors
/// When the body cannot be read as a metrics request.
pub fn count_metric_points(encoding: Encoding, body: &[u8]) -> Result<u64, DecodeError> {
    match encoding {
        Encoding::Json => count_json(body),
        Encoding::Protobuf => count_protobuf(body).map_err(|_| DecodeError::Metrics),
    }
}

fn count_protobuf(body: &[u8]) -> Walk<u64> {
    let mut count = 0;
    each(body, RESOURCES, |resource| {
        each(resource, ITEMS, |scope| {
            each(scope, ITEMS, |metric| {
                for kind in KINDS {
                    each(metric, kind, |data| {
                        each(data, POINTS, |_point| {
                            count += 1;
                            Ok(())
                        })
                    })?;
                }
                Ok(())
            })
        })
    })?;
    Ok(count)
}

fn count_json(body: &[u8]) -> Result<u64, DecodeError> {
    let [resources, scopes, metrics] = JSON_LISTS;
    let request = JsonText::parse_request(body)?;
    let mut count = 0;
    each_in(request, resources, &mut Path::default(), |resource, at| {
        each_in(resource, scopes, at, |scope, at| {
            each_in(scope, metrics, at, |metric, at| {
                for data in JSON_KINDS.iter().filter_map(|kind| metric.member(kind)) {
                    each_in(data, JSON_POINTS, at, |_point, _at| {
                        count += 1;
                        Ok(())
                    })?;
                }
                Ok(())
            })
        })
    })?;
    Ok(count)
}
