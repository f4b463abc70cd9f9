//! `chainfill retry`: puts options back to pending, logged (I8).

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::instrument::Symbol;
use crate::domain::ledger::{Happening, OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::domain::run::Ending;
use crate::process;
use crate::store::{Batch, Claim, Mode, OptionNews, RunEnd};

/// Put options back to pending, so that they are asked for again.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true)))]
pub(super) struct Retry {
    /// Options by name
    #[arg(group = "which", value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// All that need attention
    #[arg(long, group = "which")]
    attention: bool,
    /// All that the vendor had no data for
    #[arg(long, group = "which")]
    empty: bool,
}

impl Retry {
    /// Puts them back.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        // Opened to be read first: nothing is created where there is nothing to put back.
        context.open(Mode::Read).await?;
        let store = context.open(Mode::Write).await?.store;
        let clock = SystemClock::start();
        let now = clock.now();
        let command = "chainfill retry".to_owned();
        let claim = Claim { identity: process::identity(&clock, command), now, alive: process::alive };
        let epoch = store.begin(&claim).await?;
        let records = store.load(now).await?.records;
        let chosen = self.chosen(&records);
        let result = match &chosen {
            Ok(symbols) => store.commit(epoch, &self.batch(symbols, now)).await.map(drop),
            Err(_) => Ok(()),
        };
        let end = RunEnd { at: clock.now(), ending: Ending::Complete, progress: None };
        store.end(epoch, &end).await?;
        result?;
        let count = chosen?.len();
        if context.common.json {
            screen::print_json(&serde_json::json!({ "v": 1, "pending_again": count }));
        } else {
            screen::print(&format!("{count} options are pending again; chainfill backfill asks for them"));
        }
        Ok(0)
    }

    fn chosen(&self, records: &[OptionRecord]) -> Result<Vec<Symbol>, Failure> {
        for name in &self.symbols {
            if !records.iter().any(|record| record.symbol.as_str() == name) {
                let known = records.iter().map(|record| record.symbol.as_str());
                let near = super::pages::nearest(name, known).map(|near| format!("is it {near}?"));
                let failure = Failure::usage(&format!("no option {} is known", name.escape_debug()));
                return Err(failure.hint(near.unwrap_or_else(|| "chainfill missing --list names options".to_owned())));
            }
        }
        let wanted = |record: &&OptionRecord| {
            record.instrument.is_some()
                && (self.symbols.iter().any(|name| name == record.symbol.as_str())
                    || (self.attention && record.state == OptionState::Attention)
                    || (self.empty && record.state == OptionState::Empty))
        };
        Ok(records.iter().filter(wanted).map(|record| record.symbol.clone()).collect())
    }

    fn batch(&self, symbols: &[Symbol], at: Moment) -> Batch {
        let news = |symbol: &Symbol| OptionNews {
            symbol: symbol.clone(),
            happening: Happening::PutBack,
            candles: Vec::new(),
            flaws: Vec::new(),
            at,
            data_source: "cryptodatadownload",
        };
        let named = self.symbols.join(" ");
        let action =
            format!("retry attention={} empty={} {named}: {} options", self.attention, self.empty, symbols.len());
        Batch { at, options: symbols.iter().map(news).collect(), action: Some(action), ..Batch::default() }
    }
}
