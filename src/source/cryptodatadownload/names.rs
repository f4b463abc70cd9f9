//! The names of a listing, one after another: whatever they are, and never more of them than may be held.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::instrument::{Symbol, kept_name};
use crate::limits::LISTING_NAMES_MAX;

/// The names as they are kept, and how many more there were.
pub(super) struct Names {
    pub(super) names: Vec<Symbol>,
    pub(super) more: usize,
}

struct InOrder;

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        deserializer.deserialize_seq(InOrder)
    }
}

impl<'de> Visitor<'de> for InOrder {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let (mut names, mut more) = (Vec::new(), 0);
        while names.len() < LISTING_NAMES_MAX {
            let Some(raw) = list.next_element::<&RawValue>()? else { return Ok(Names { names, more }) };
            names.push(name(raw).ok_or_else(|| A::Error::custom(format!("{} is no name", raw.get())))?);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            more += 1;
        }
        Ok(Names { names, more })
    }
}

/// A name; `None` where the value is no string. One that cannot be decoded, with half a surrogate pair, is kept as it is
/// written: it does not parse, is shown, and stops no run (X1).
fn name(raw: &RawValue) -> Option<Symbol> {
    let written = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if !written.contains('\\') {
        return Some(Symbol::new(&kept_name(written)));
    }
    let decoded: Option<String> = serde_json::from_str(raw.get()).ok();
    Some(Symbol::new(&kept_name(decoded.as_deref().unwrap_or(written))))
}
