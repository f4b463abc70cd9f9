//! `verify`: whether the store holds everything, proved from the store alone.

use std::fmt::Write;

use serde::Serialize;

use super::escape::safe;
use super::json;
use super::numbers::{counted, grouped};
use super::table::{Table, wrap};
use crate::domain::moment::Moment;
use crate::domain::proof::{Checked, Finding, Wrong};

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProofPage {
    /// What was checked, by currency.
    pub currencies: Vec<Checked>,
    /// Currencies that are listed and were never asked for: nothing of them is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Checked>,
    /// Everything that is not as it must be.
    pub findings: Vec<Finding>,
    /// The sum of all rows' prints, in hexadecimal: two archives with the same one hold the same rows.
    pub print: String,
}

impl ProofPage {
    /// Whether everything is there, as it was stored.
    pub fn is_complete(&self) -> bool {
        self.findings.is_empty() && self.currencies.iter().any(|one| one.listed > 0)
    }

    /// `Complete: …` or `Not complete: …`.
    pub fn sentence(&self) -> String {
        let sum = |of: fn(&Checked) -> u64| self.currencies.iter().map(of).sum::<u64>();
        let (listed, stored, empty, rows) =
            (sum(|one| one.listed), sum(|one| one.stored), sum(|one| one.empty), sum(|one| one.rows));
        if listed == 0 && self.findings.is_empty() {
            return "Not complete: nothing is listed yet; `chainfill backfill` begins.".to_owned();
        }
        if self.is_complete() {
            return format!(
                "Complete: {} of {} options are known; {} hold {}, every one as it was stored, and {} {} none.",
                grouped(stored + empty),
                grouped(listed),
                grouped(stored),
                counted(rows, "row"),
                grouped(empty),
                if empty == 1 { "has" } else { "have" }
            );
        }
        let count = |of: fn(&Wrong) -> bool| self.findings.iter().filter(|one| of(&one.wrong)).count() as u64;
        let parts = [
            (count(|wrong| matches!(wrong, Wrong::Pending)), "not fetched yet"),
            (count(|wrong| matches!(wrong, Wrong::Due)), "due for a new bar"),
            (count(|wrong| matches!(wrong, Wrong::Attention { .. })), "in need of attention"),
            (count(Wrong::is_damage), "with other rows than were stored"),
        ];
        let parts: Vec<_> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{} {what}", grouped(*n))).collect();
        let what_next = if self.findings.iter().any(|one| one.wrong.is_damage()) {
            "`chainfill retry SYMBOL` puts an option back, then `chainfill backfill` fetches it"
        } else {
            "`chainfill backfill` goes on"
        };
        format!("Not complete: of {} options {}; {what_next}.", grouped(listed), parts.join(", "))
    }

    /// The page as text; findings a line each, name first, never cut.
    pub fn draw(&self, width: usize) -> String {
        let mut page = String::new();
        let mut say = |text: &str| {
            let _ = writeln!(page, "{text}"); // into a string: it cannot fail
        };
        for line in wrap(&self.sentence(), width) {
            say(&line);
        }
        say("");
        let mut table =
            Table::new().words("Currency").numbers("Listed").numbers("Stored").numbers("Empty").numbers("Rows read");
        for one in &self.currencies {
            let name = safe(one.currency.as_str()).into_owned();
            table.row(std::iter::once(name).chain([one.listed, one.stored, one.empty, one.rows].map(grouped)));
        }
        table.draw(width).iter().for_each(|line| say(line));
        if !self.others.is_empty() {
            let one = |one: &Checked| format!("{} ({})", safe(one.currency.as_str()), grouped(one.listed));
            let all: Vec<_> = self.others.iter().map(one).collect();
            say("");
            for line in wrap(&format!("Listed and never asked for: {}", all.join(", ")), width) {
                say(&line);
            }
        }
        say("");
        say(&format!("Print of all rows: {}", self.print));
        if !self.findings.is_empty() {
            say("");
        }
        for one in &self.findings {
            say(&format!("{} {}", safe(one.symbol.as_str()), safe(&one.wrong.words())));
        }
        page
    }

    /// The page as one line of JSON.
    pub fn json(&self, now: Moment) -> String {
        #[derive(Serialize)]
        struct ProofJson<'a> {
            complete: bool,
            sentence: String,
            #[serde(flatten)]
            page: &'a ProofPage,
        }
        json::line(Some(now), &ProofJson { complete: self.is_complete(), sentence: self.sentence(), page: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::instrument::{Currency, Symbol};

    fn page(wrong: Vec<Wrong>) -> ProofPage {
        let checked = |currency: &str, listed| Checked {
            currency: Currency::stored(currency),
            listed,
            stored: listed - 41,
            empty: 41,
            rows: 120_112,
        };
        let findings = (0..).zip(wrong).map(|(n, wrong)| Finding {
            symbol: Symbol::new(&format!("ETH-12APR24-{}-C", 3100 + n * 100)),
            currency: Currency::stored("ETH"),
            wrong,
        });
        ProofPage {
            currencies: vec![checked("ETH", 8_679), checked("BTC", 8_850)],
            others: Vec::new(),
            findings: findings.collect(),
            print: "8d96b96e00395afd".to_owned(),
        }
    }

    fn everything() -> Vec<Wrong> {
        vec![
            Wrong::Pending,
            Wrong::Due,
            Wrong::Attention { reason: "HTTP 400\nthree times".into() },
            Wrong::RowsMissing { expected: 12, found: 11 },
            Wrong::RowsAdded { expected: 12, found: 13 },
            Wrong::RowsChanged,
            Wrong::Unknown { found: 1 },
        ]
    }

    #[test]
    fn a_proof_says_complete_only_where_nothing_was_found() {
        // F-B13
        assert!(page(Vec::new()).is_complete() && page(Vec::new()).sentence().starts_with("Complete: "));
        for wrong in everything() {
            let page = page(vec![wrong]);
            assert!(!page.is_complete() && page.sentence().starts_with("Not complete: "), "{}", page.sentence());
        }
        assert!(!ProofPage::default().is_complete());
        assert!(ProofPage::default().sentence().starts_with("Not complete: nothing is listed"));
    }

    #[test]
    fn the_proof_as_a_page() {
        let (whole, broken) = (page(Vec::new()), page(everything()));
        insta::assert_snapshot!(format!("{}---\n{}", whole.draw(80), broken.draw(80)));
        insta::assert_snapshot!(broken.json(Moment(0)));
    }
}
