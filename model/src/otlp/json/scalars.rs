//! Numbers, texts and enums as proto3 JSON allows them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::object::{FieldError, Read};

/// The number that a name of an enum stands for.
pub(super) type Names = fn(&str) -> Option<i32>;

pub(super) fn string(value: &Value) -> Read<String> {
    value
        .as_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| FieldError::new("must be a string"))
}

/// An integer as proto3 JSON allows it: a number, a decimal string, or either with a zero fraction or exponent.
pub(super) fn integer(value: &Value) -> Read<i128> {
    let problem = || FieldError::new("must be an integer");
    match value {
        Value::Number(number) => {
            if let Some(unsigned) = number.as_u64() {
                return Ok(i128::from(unsigned));
            }
            if let Some(signed) = number.as_i64() {
                return Ok(i128::from(signed));
            }
            whole(number.as_f64().ok_or_else(problem)?)
        }
        Value::String(text) => match without_zero_fraction(text).parse::<i128>() {
            Ok(number) => Ok(number),
            Err(_) => whole(text.parse::<f64>().map_err(|_| problem())?),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(problem()),
    }
}

/// `12.00` is `12`, which is exact where a double would not be.
fn without_zero_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, fraction))
            if !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0') =>
        {
            whole
        }
        _ => text,
    }
}

fn whole(number: f64) -> Read<i128> {
    // Beyond 2^64 nothing fits any field, and below that the cast is exact for whole numbers.
    if number.fract() == 0.0 && number.abs() <= 18_446_744_073_709_551_616.0 {
        Ok(number as i128)
    } else {
        Err(FieldError::new("must be an integer"))
    }
}

/// OTLP has enums as numbers. Their names, which proto3 JSON and the OpenTelemetry Collector take, are as clear.
pub(super) fn enum_number(value: &Value, names: Names) -> Read<i32> {
    if let Value::String(text) = value
        && let Some(number) = names(text)
    {
        return Ok(number);
    }
    let number = integer(value)
        .map_err(|_| FieldError::new("must be the number or name of an enum value"))?;
    i32::try_from(number).map_err(|_| FieldError::new("is out of range"))
}

pub(super) fn double(value: &Value) -> Read<f64> {
    let problem = || FieldError::new("must be a number");
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(problem),
        Value::String(text) => {
            let number: f64 = text.parse().map_err(|_| problem())?;
            // `Infinity` is a value; what overflows to it was another one.
            if number.is_infinite() && text.contains(|letter: char| letter.is_ascii_digit()) {
                return Err(FieldError::new("is out of range"));
            }
            Ok(number)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(problem()),
    }
}

pub(super) fn boolean(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| FieldError::new("must be true or false"))
}

/// Base64 of either alphabet, padded or not.
pub(super) fn base64_bytes(value: &Value) -> Read<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let text = value
        .as_str()
        .ok_or_else(|| FieldError::new("must be base64 text"))?;
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| FieldError::new("must be base64 text"))
}
