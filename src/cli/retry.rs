//! `chainfill retry`: puts options back to pending, logged (I8).

use clap::Args;

use super::orders::{self, Fate};
use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::instrument::Symbol;
use crate::domain::ledger::{Happening, OptionRecord};
use crate::domain::moment::Moment;
use crate::domain::order::{Order, Which};
use crate::domain::run::Ending;
use crate::process;
use crate::store::{Batch, Claim, Mode, OptionNews, RunEnd, Store, StoreError};

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
    /// Puts them back: by the run that is at work, else right here.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        // Opened to be read first: nothing is created where there is nothing to put back.
        let reader = context.open(Mode::Read).await?.store;
        self.check(&reader.load(SystemClock::start().now()).await?.records)?;
        let which = self.which();
        drop(reader);
        for is_last in [false, true] {
            let store = context.open(Mode::Write).await?.store;
            let put_back = put_back(&*store, &which).await;
            drop(store);
            match put_back {
                // One writer (I7): the run that is at work puts them back itself.
                Err(StoreError::Held(_)) => {}
                Err(error) => return Err(error.into()),
                Ok(count) => {
                    say(context, count);
                    break;
                }
            }
            let order = Order::Retry(which.clone());
            let fate = orders::give(&context.lookout()?, &order).await?;
            // It may end before it takes the order: then the store is free, and they are put back right here.
            if is_last || !matches!(fate, Fate::Nobody(_)) {
                return orders::tell(context, &order, fate);
            }
        }
        Ok(0)
    }

    fn which(&self) -> Which {
        Which { symbols: self.symbols.clone(), attention: self.attention, empty: self.empty }
    }

    /// A name that nobody knows is a slip of the pen (U1).
    fn check(&self, records: &[OptionRecord]) -> Result<(), Failure> {
        for name in &self.symbols {
            if !records.iter().any(|record| record.symbol.as_str() == name) {
                let known = records.iter().map(|record| record.symbol.as_str());
                let near = super::pages::nearest(name, known).map(|near| format!("is it {near}?"));
                let failure = Failure::usage(&format!("no option {} is known", name.escape_debug()));
                return Err(failure.hint(near.unwrap_or_else(|| "chainfill missing --list names options".to_owned())));
            }
        }
        Ok(())
    }
}

/// Takes the lease and puts them back; how many they are.
async fn put_back(store: &dyn Store, which: &Which) -> Result<usize, StoreError> {
    let clock = SystemClock::start();
    let now = clock.now();
    let identity = process::identity(&clock, "retry".to_owned());
    let epoch = store.begin(&Claim { identity, now, alive: process::alive }).await?;
    let symbols = which.of(&store.load(now).await?.records);
    let result = store.commit(epoch, &batch(which, &symbols, now)).await;
    let end = RunEnd { at: clock.now(), ending: Ending::Complete, progress: None };
    store.end(epoch, &end).await?;
    result.map(|_| symbols.len())
}

fn say(context: &Context, count: usize) {
    if context.common.json {
        screen::print_json(&serde_json::json!({ "v": 1, "pending_again": count }));
    } else {
        screen::print(&format!("{count} options are pending again; chainfill backfill asks for them"));
    }
}

fn batch(which: &Which, symbols: &[Symbol], at: Moment) -> Batch {
    let news = |symbol: &Symbol| OptionNews {
        symbol: symbol.clone(),
        happening: Happening::PutBack,
        candles: Vec::new(),
        flaws: Vec::new(),
        at,
        data_source: "cryptodatadownload",
    };
    let action = format!("retry {}: {} options", which.words(), symbols.len());
    Batch { at, options: symbols.iter().map(news).collect(), action: Some(action), ..Batch::default() }
}
