//! A second reading of the vendor's answers, by other means than the program's: slow, plain, and as the vendor documents
//! them. What the program takes in must be this.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

type Fields = BTreeMap<String, Box<RawValue>>;

/// A page as it stands there.
pub struct Told {
    /// Its rows, in their order.
    pub rows: Vec<Row>,
    /// `has_more` and `next_offset`, where there is a pagination.
    pub pagination: Option<(bool, Option<u32>)>,
}

/// A bar, its numbers as [`number`] has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub symbol: String,
    pub date: String,
    pub unix: i64,
    pub values: [Option<Number>; 5],
}

/// Sign, digits without zeros at either end, and the power of ten of the last one.
pub type Number = (bool, String, i64);

/// Reads a page of bars; `None` where it is not whole, or not as documented.
pub fn page(body: &[u8]) -> Option<Told> {
    let envelope: Fields = serde_json::from_slice(unmarked(body)).ok()?;
    let rows: Vec<Fields> = serde_json::from_str(envelope.get("result")?.get()).ok()?;
    let pagination = match envelope.get("pagination").map(|raw| raw.get()) {
        None | Some("null") => None,
        Some(text) => {
            let fields: Fields = serde_json::from_str(text).ok()?;
            let has_more = serde_json::from_str(fields.get("has_more")?.get()).ok()?;
            let next = fields.get("next_offset").map_or(Ok(None), |raw| serde_json::from_str(raw.get()));
            Some((has_more, next.ok()?))
        }
    };
    Some(Told { rows: rows.iter().map(row).collect::<Option<_>>()?, pagination })
}

/// Longest name that is kept word for word.
const NAME_BYTES_MAX: usize = 256;

/// Reads a listing. `None` for a name that cannot be kept as it is: half a surrogate pair, U+0000, or no end.
pub fn listing(body: &[u8]) -> Option<Vec<Option<String>>> {
    let envelope: Fields = serde_json::from_slice(unmarked(body)).ok()?;
    let names: Vec<Box<RawValue>> = serde_json::from_str(envelope.get("result")?.get()).ok()?;
    let kept = |raw: &RawValue| {
        let name: String = serde_json::from_str(raw.get()).ok()?;
        (name.len() <= NAME_BYTES_MAX && !name.contains('\0')).then_some(name)
    };
    names.iter().map(|raw| raw.get().starts_with('"').then(|| kept(raw))).collect()
}

fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

fn row(fields: &Fields) -> Option<Row> {
    let text = |name: &str| serde_json::from_str::<String>(fields.get(name)?.get()).ok();
    let unix = fields.get("unix")?.get();
    let value = |name: &str| match fields.get(name)?.get() {
        "null" => Some(None),
        text => number(text.trim_matches('"')).map(Some),
    };
    Some(Row {
        symbol: text("symbol")?,
        date: text("date")?.get(..10)?.to_owned(),
        unix: unix.trim_matches('"').parse().ok()?,
        values: [value("open")?, value("high")?, value("low")?, value("close")?, value("volume")?],
    })
}

/// The number that a text denotes, to the last digit.
pub fn number(text: &str) -> Option<Number> {
    let (minus, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut power = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let ended = digits.trim_end_matches('0');
    power = power.checked_add(i64::try_from(digits.len() - ended.len()).ok()?)?;
    let digits = ended.trim_start_matches('0').to_owned();
    Some(if digits.is_empty() { (false, digits, 0) } else { (minus, digits, power) })
}
