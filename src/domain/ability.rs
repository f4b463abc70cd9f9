//! What was found out about the vendor's API at run time, so that it is found out once.

use serde::{Deserialize, Serialize};

/// The vendor's abilities as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ability {
    /// Whether one query can fetch a whole expiry.
    #[serde(default)]
    pub expiry_queries: Proven,
    /// Whether the listing needs one request a year.
    #[serde(default)]
    pub listing_by_year: Proven,
    /// The most rows that a page held while there was more: the vendor's cap, where it is lower than asked.
    #[serde(default)]
    pub page_rows: Option<u32>,
}

/// What is known of a yes-or-no question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proven {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It was seen to be so.
    Yes,
    /// It was seen not to be so.
    No,
}
