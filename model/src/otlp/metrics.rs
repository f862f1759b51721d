//! Metrics are not stored; they are counted, so that the answer can say how many points were rejected.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::{DecodeError, Encoding, decode_protobuf, json};

/// How many data points a metrics export request holds.
///
/// # Errors
/// When the body cannot be read as a metrics request.
pub fn count_metric_points(encoding: Encoding, body: &[u8]) -> Result<u64, DecodeError> {
    match encoding {
        Encoding::Json => json::read::metric_point_count(body),
        Encoding::Protobuf => {
            let request: ExportMetricsServiceRequest = decode_protobuf(body)?;
            let metrics = request
                .resource_metrics
                .iter()
                .flat_map(|resource| &resource.scope_metrics)
                .flat_map(|scope| &scope.metrics);
            let count: usize = metrics
                .filter_map(|metric| metric.data.as_ref())
                .map(points)
                .sum();
            Ok(count as u64)
        }
    }
}

fn points(data: &Data) -> usize {
    match data {
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::Sum(sum) => sum.data_points.len(),
        Data::Histogram(histogram) => histogram.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        Data::Summary(summary) => summary.data_points.len(),
    }
}
