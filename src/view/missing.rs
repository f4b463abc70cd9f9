//! `missing`: what is not there, and why.

use std::fmt::Write;

use serde::Serialize;

use super::escape::safe;
use super::json;
use super::numbers::grouped;
use super::status_page::tallies;
use super::table::fit;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::domain::tally::Tally;

/// What the page is drawn from.
#[derive(Clone, Debug, Serialize)]
pub struct MissingPage {
    /// The counts, by currency.
    pub currencies: Vec<Tally>,
    /// Every option that is pending or needs attention, where the list is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<MissingOption>>,
}

/// An option that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingOption {
    /// Its name.
    pub symbol: Symbol,
    /// Its currency.
    pub currency: Currency,
    /// Its state.
    pub state: OptionState,
    /// Why it needs attention.
    pub reason: Option<String>,
}

impl MissingOption {
    /// The option, where it is missing: neither stored nor known to be empty.
    pub fn of(record: &OptionRecord) -> Option<MissingOption> {
        matches!(record.state, OptionState::Pending | OptionState::Attention).then(|| MissingOption {
            symbol: record.symbol.clone(),
            currency: record.currency.clone(),
            state: record.state,
            reason: record.reason.as_deref().map(str::to_owned),
        })
    }
}

impl MissingPage {
    /// The page as text. The list has a line an option, name first, never cut: it is made for `grep` and `cut`.
    pub fn draw(&self, width: usize) -> String {
        let mut page = String::new();
        for line in tallies(&self.currencies).draw(width) {
            let _ = writeln!(page, "{line}"); // into a string: it cannot fail
        }
        if let Some(options) = &self.options {
            page.push('\n');
            for one in options {
                let reason = one.reason.as_deref().map_or(String::new(), |reason| format!(": {}", safe(reason)));
                let _ = writeln!(page, "{} {}{reason}", safe(one.symbol.as_str()), one.state.word());
            }
        } else {
            let total = Tally::total(&self.currencies);
            if total.pending + total.attention > 0 {
                let text = format!("{} options in all; --list names them.", grouped(total.pending + total.attention));
                let _ = writeln!(page, "\n{}", fit(&text, width));
            }
        }
        page
    }

    /// The page as one line of JSON.
    pub fn json(&self, now: Moment) -> String {
        json::line(Some(now), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(list: bool) -> MissingPage {
        let tally = |currency: &str, attention| Tally {
            currency: Currency::stored(currency),
            listed: 8_679,
            pending: 6_738 - attention,
            stored: 1_900,
            empty: 41,
            attention,
            rows: 26_078,
        };
        let option = |name: &str, state, reason: Option<&str>| MissingOption {
            symbol: Symbol::new(name),
            currency: Currency::stored("ETH"),
            state,
            reason: reason.map(str::to_owned),
        };
        let options = vec![
            option("ETH-12APR24-3100-C", OptionState::Pending, None),
            option("ETH-12APR24-3200-C", OptionState::Attention, Some("HTTP 400 three times")),
            option("ETH-\u{1b}[31m", OptionState::Attention, Some("the name does not parse\nreally")),
        ];
        MissingPage { currencies: vec![tally("ETH", 2), tally("BTC", 0)], options: list.then_some(options) }
    }

    #[test]
    fn what_is_missing_is_counted_and_named() {
        let text = format!("{}---\n{}---\n{}", page(false).draw(80), page(true).draw(80), page(true).draw(40));
        insta::assert_snapshot!(text);
        insta::assert_snapshot!(page(true).json(Moment(0)));
    }
}
