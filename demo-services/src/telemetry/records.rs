//! What the bridge from `tracing` leaves open in a log record.

use std::time::Duration;

use opentelemetry::{InstrumentationScope, logs::LogRecord};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogProcessor, SdkLogRecord},
};

use crate::clock;

/// Gives each record its time, which the bridge does not set, and takes away the name that `tracing`
/// makes up for events without one ("event src/file.rs:12"): only real event names stay.
#[derive(Debug)]
pub(super) struct Finish;

impl LogProcessor for Finish {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        record.set_timestamp(clock::now());
        if record
            .event_name()
            .is_some_and(|name| name.starts_with("event "))
        {
            record.set_event_name("");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
