//! The size of an item, and the units that it costs.

use serde_json::{Map, Value};

/// An item or a key in DynamoDB's JSON: the typed value of each attribute.
pub(super) type Item = Map<String, Value>;

const WRITE_UNIT_BYTES: u64 = 1_024;
const READ_UNIT_BYTES: u64 = 4_096;

pub(super) fn write_units(size: u64) -> u64 {
    size.div_ceil(WRITE_UNIT_BYTES).max(1)
}

pub(super) fn read_units(size: u64) -> u64 {
    size.div_ceil(READ_UNIT_BYTES).max(1)
}

/// Names and values.
pub(super) fn size(item: &Item) -> u64 {
    item.iter().map(|(name, value)| bytes(name) + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> u64 {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).unwrap();
    let each = |size: fn(&str) -> u64| value.as_array().unwrap().iter().filter_map(Value::as_str).map(size).sum();
    match kind.as_str() {
        "S" => bytes(value.as_str().unwrap()),
        "N" => size_of_number(value.as_str().unwrap()),
        "B" => size_of_base64(value.as_str().unwrap()),
        "SS" => each(bytes),
        "NS" => each(size_of_number),
        "BS" => each(size_of_base64),
        // Three bytes for the list or map, and one for each of its members.
        "L" => value.as_array().unwrap().iter().map(|value| 1 + size_of_value(value)).sum::<u64>() + 3,
        "M" => {
            let members = value.as_object().unwrap();
            bytes_of(members.len()) + size(members) + 3
        }
        _ => 1,
    }
}

fn bytes(text: &str) -> u64 {
    bytes_of(text.len())
}

fn bytes_of(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

/// About a byte for two significant digits, and one more; a sign takes another.
fn size_of_number(number: &str) -> u64 {
    let digits = number.chars().filter(char::is_ascii_digit).collect::<String>();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    bytes_of(significant).div_ceil(2) + 1 + u64::from(number.starts_with('-'))
}

fn size_of_base64(text: &str) -> u64 {
    bytes(text.trim_end_matches('=')) * 3 / 4
}
