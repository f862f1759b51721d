//! The services a batch is of, without reading its rows one by one.

use arrow_array::RecordBatch;

use crate::columns::{BatchError, DictionaryColumn, required_column};
use crate::schema::column;

/// The service names in the dictionary of a batch, each once, in the order they came. Every name that a
/// row has is among them; in a batch that was decoded from one request no other is.
///
/// # Errors
/// When the batch is not of a schema of [`crate::schema`].
pub fn service_names(batch: &RecordBatch) -> Result<Vec<String>, BatchError> {
    let names = required_column(batch, column::SERVICE_NAME)?;
    let names = DictionaryColumn::new(names, column::SERVICE_NAME)?;
    let texts = names.values().iter().flatten();
    Ok(texts.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signal;
    use crate::otlp::{Encoding, decode};

    #[test]
    fn each_service_of_a_request_is_named_once() {
        let of = |name: &str| {
            format!(
                r#"{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{name}"}}}}]}},
                "scopeLogs":[{{"logRecords":[{{"timeUnixNano":"1"}},{{"timeUnixNano":"2"}}]}}]}}"#
            )
        };
        let [cart, shop] = ["cart", "shop"].map(of);
        let body = format!(r#"{{"resourceLogs":[{cart},{shop},{cart}]}}"#);

        let accepted = decode(Signal::Logs, Encoding::Json, body.into()).unwrap();

        assert_eq!(service_names(&accepted.batch).unwrap(), ["cart", "shop"]);
    }
}
