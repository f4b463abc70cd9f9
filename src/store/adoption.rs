//! Bars of an older script become the ledger's, without a request and without a row being touched (B14).

use serde::{Deserialize, Serialize};

use super::{Adopted, merge};
use crate::domain::candle::Candle;
use crate::domain::instrument::{Currency, OptionType, Symbol};
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;

/// The table that people query, by the name that they know.
pub(super) const CANDLES: &str = "cryptodatadownload_options_daily";

/// Its columns, in their order.
pub(super) const COLUMNS: [&str; 14] = [
    "unix_timestamp",
    "date",
    "symbol",
    "currency",
    "expiry_date",
    "strike",
    "option_type",
    "price_open",
    "price_high",
    "price_low",
    "price_close",
    "volume_traded",
    "data_source",
    "downloaded_at",
];

/// Those of them that may be empty in a bar.
pub(super) const VALUES: [&str; 5] = ["price_open", "price_high", "price_low", "price_close", "volume_traded"];

/// How the table writes call and put. An older script's way is kept, or people's queries would find half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Style {
    call: String,
    put: String,
}

impl Default for Style {
    fn default() -> Style {
        Style { call: OptionType::Call.letter().to_owned(), put: OptionType::Put.letter().to_owned() }
    }
}

impl Style {
    /// The way in which a row of the table writes it; `None` where that is neither call nor put.
    pub(super) fn seen(text: &str) -> Option<Style> {
        let lower = text.to_ascii_lowercase();
        let (call, put) = match lower.as_str() {
            "c" | "p" => ("c", "p"),
            "call" | "put" => ("call", "put"),
            _ => return None,
        };
        let like = |word: &str| {
            if text == lower {
                word.to_owned()
            } else if text.len() > 1 && text.ends_with(|last: char| last.is_ascii_lowercase()) {
                word[..1].to_ascii_uppercase() + &word[1..]
            } else {
                word.to_ascii_uppercase()
            }
        };
        Some(Style { call: like(call), put: like(put) })
    }

    /// Call or put, as the table writes it.
    pub(super) fn word(&self, option_type: OptionType) -> &str {
        match option_type {
            OptionType::Call => &self.call,
            OptionType::Put => &self.put,
        }
    }
}

/// A row of an option that the ledger does not know.
pub(super) struct OldRow<'a> {
    pub(super) symbol: &'a str,
    pub(super) currency: Option<&'a str>,
    /// The bar, or why it is none.
    pub(super) candle: Result<Candle, String>,
    pub(super) fetched_at: Option<Moment>,
}

/// Takes rows in, by symbol and date, and makes ledger lines of them.
#[derive(Default)]
pub(super) struct Adoption {
    current: Option<Current>,
    done: Vec<OptionRecord>,
    told: Adopted,
}

struct Current {
    record: OptionRecord,
    rows: Vec<Candle>,
    odd: u32,
}

impl Adoption {
    /// Takes one row in.
    pub(super) fn add(&mut self, row: OldRow<'_>) {
        if self.current.as_ref().is_none_or(|current| current.record.symbol.as_str() != row.symbol) {
            self.close();
            let mut record = OptionRecord { listed: false, ..OptionRecord::listed(Symbol::new(row.symbol)) };
            if record.instrument.is_none()
                && let Some(currency) = row.currency
            {
                record.currency = Currency::stored(currency);
            }
            record.state = OptionState::Stored;
            record.reason = None;
            self.current = Some(Current { record, rows: Vec::new(), odd: 0 });
        }
        let Some(current) = &mut self.current else { return };
        current.record.fetched_at = current.record.fetched_at.max(row.fetched_at);
        match row.candle {
            Ok(candle) => current.rows.push(candle),
            Err(why) => {
                current.odd += 1;
                current.record.reason.get_or_insert_with(|| why.into());
            }
        }
    }

    /// Counts rows without an option's name: they belong to no line.
    pub(super) fn add_nameless(&mut self, rows: u64) {
        self.told.odd += rows;
    }

    /// The lines, and what to tell.
    pub(super) fn finish(mut self) -> (Vec<OptionRecord>, Adopted) {
        self.close();
        (self.done, self.told)
    }

    fn close(&mut self) {
        let Some(Current { mut record, rows, odd }) = self.current.take() else { return };
        merge::count_rows(&mut record, &rows);
        record.fetched_at = record.fetched_at.or(rows.last().map(Candle::closes_at));
        if odd > 0 {
            record.state = OptionState::Attention;
            let first = record.reason.take().unwrap_or_default();
            record.reason = Some(format!("{odd} rows of it in {CANDLES} cannot be bars, the first: {first}").into());
        }
        self.told.odd += u64::from(odd);
        self.told.rows += u64::from(record.row_count);
        // A name that does not parse has no expiry: nothing would ever be asked for it again.
        if record.is_final() || record.instrument.is_none() {
            self.told.stored += 1;
        } else {
            self.told.due += 1;
        }
        self.done.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_writing_call_and_put_is_kept() {
        // F-B14
        for (seen, call, put) in
            [("call", "call", "put"), ("PUT", "CALL", "PUT"), ("Put", "Call", "Put"), ("P", "C", "P"), ("c", "c", "p")]
        {
            let style = Style::seen(seen);
            let words = style.as_ref().map(|style| (style.word(OptionType::Call), style.word(OptionType::Put)));
            assert_eq!(words, Some((call, put)), "{seen}");
        }
        assert_eq!(Style::seen("straddle"), None);
    }
}
