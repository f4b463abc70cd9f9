//! What a person may tell a running backfill from outside.

use serde::{Deserialize, Serialize};

use super::instrument::Symbol;
use super::ledger::{OptionRecord, OptionState};

/// An order to the run that holds a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "order")]
pub enum Order {
    /// Finish what is under way, say what is left, end.
    Stop,
    /// Send nothing until told to go on.
    Pause,
    /// Go on.
    Resume,
    /// Another pace.
    Pace {
        /// Least time between two requests; 0 for none.
        spacing_ms: i64,
    },
    /// Ask for options again.
    Retry(Which),
    /// What this version cannot read, word for word; it is never left by this one.
    #[serde(skip)]
    Unread(String),
}

/// Options that a person wants asked for again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// All that need attention.
    #[serde(default)]
    pub attention: bool,
    /// All that the vendor had no data for.
    #[serde(default)]
    pub empty: bool,
}

impl Order {
    /// Its word, for logs.
    pub fn word(&self) -> &'static str {
        match self {
            Order::Stop => "stop",
            Order::Pause => "pause",
            Order::Resume => "resume",
            Order::Pace { .. } => "pace",
            Order::Retry(_) => "retry",
            Order::Unread(_) => "unread",
        }
    }
}

impl Which {
    /// The options of a ledger that are meant: by name, or in the states that were named. A name that does not parse
    /// is never meant, because nothing can be asked for it.
    pub fn of(&self, records: &[OptionRecord]) -> Vec<Symbol> {
        let named: std::collections::HashSet<&str> = self.symbols.iter().map(String::as_str).collect();
        let is_meant = |record: &&OptionRecord| {
            record.instrument.is_some()
                && (named.contains(record.symbol.as_str())
                    || (self.attention && record.state == OptionState::Attention)
                    || (self.empty && record.state == OptionState::Empty))
        };
        records.iter().filter(is_meant).map(|record| record.symbol.clone()).collect()
    }

    /// In words, for the log of what people asked for (I8).
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if self.attention {
            words.push("--attention");
        }
        if self.empty {
            words.push("--empty");
        }
        words.extend(self.symbols.iter().map(String::as_str));
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_one_line_of_json_and_comes_back_the_same() {
        let which = Which { symbols: vec!["ETH-12APR24-3100-C".into()], ..Which::default() };
        for order in [Order::Stop, Order::Pause, Order::Resume, Order::Pace { spacing_ms: 200 }, Order::Retry(which)] {
            let text = serde_json::to_string(&order).unwrap_or_default();
            assert!(text.contains(order.word()), "{text}");
            assert_eq!(serde_json::from_str::<Order>(&text).ok(), Some(order));
        }
    }

    #[test]
    fn options_are_meant_by_name_or_by_state() {
        let of = |name: &str, state| OptionRecord { state, ..OptionRecord::listed(Symbol::new(name)) };
        let records = [
            of("ETH-12APR24-3100-C", OptionState::Stored),
            of("ETH-12APR24-3200-C", OptionState::Attention),
            of("ETH-12APR24-3300-C", OptionState::Empty),
            of("nonsense", OptionState::Attention),
        ];
        let meant = |which: Which| which.of(&records).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(meant(Which { attention: true, ..Which::default() }), ["ETH-12APR24-3200-C"]);
        assert_eq!(meant(Which { empty: true, ..Which::default() }), ["ETH-12APR24-3300-C"]);
        assert_eq!(
            meant(Which { symbols: vec!["ETH-12APR24-3100-C".into()], ..Which::default() }),
            ["ETH-12APR24-3100-C"]
        );
        assert_eq!(Which { attention: true, symbols: vec!["X".into()], ..Which::default() }.words(), "--attention X");
    }
}
