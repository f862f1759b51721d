//! The attribute keys of the OpenTelemetry semantic conventions that Spandrel gives a meaning to.

/// Logical name of the service that emitted the telemetry.
pub const SERVICE_NAME: &str = "service.name";
/// What a service is called when its resource does not say.
pub const UNKNOWN_SERVICE: &str = "unknown_service";
