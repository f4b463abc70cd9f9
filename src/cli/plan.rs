//! `chainfill plan`: what there is, what there will be, and what it takes.

use std::sync::Arc;

use clap::Args;

use super::backfill::PaceFlags;
use super::conduct::{Conduct, conduct, settings};
use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::ability::Proven;
use crate::domain::answer::Query;
use crate::domain::forecast::{Range, duration};
use crate::domain::instrument::Currency;
use crate::domain::ledger::OptionRecord;
use crate::domain::plan::{Chains, Due, Horizon, Wanted, by_symbol, cheapest_cover, wanted};
use crate::domain::progress::View;
use crate::domain::run::Ending;
use crate::process;
use crate::sight;
use crate::store::{Glance, Mode, Outside};
use crate::view::lines::{Form, Level, Lines};
use crate::view::plan::{PlanPage, Work};

/// Show what is listed, stored and missing, and the requests and time it will take.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Currencies in their order [default: BTC ETH]; ALL for whatever is listed
    #[arg(value_name = "CURRENCY")]
    currencies: Vec<String>,

    #[command(flatten)]
    pace: PaceFlags,

    /// Only the first N options
    #[arg(long, value_name = "N")]
    limit: Option<u32>,

    /// Fetch the listing anew: one request
    #[arg(long)]
    refresh: bool,
}

impl Plan {
    /// Shows the plan.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let currencies = super::backfill::currencies(&self.currencies)?;
        show(context, &currencies, &self.pace, self.limit, self.refresh).await
    }
}

/// Shows the plan; fetches the listing where none is kept, or where it is told to (U6).
pub(super) async fn show(
    context: &Context,
    currencies: &[Currency],
    pace: &PaceFlags,
    limit: Option<u32>,
    refresh: bool,
) -> Result<u8, Failure> {
    let opened = context.open(Mode::Write).await?;
    if let Some(adopted) = &opened.adopted {
        screen::note(&super::pages::adopted(adopted));
    }
    let store = opened.store;
    let outside: Arc<dyn Outside> = store.clone();
    let mut glance = sight::glance(&outside, &process::vantage()).await?;
    if refresh || glance.listing.is_none() {
        let api_url = context.api_url();
        let key = context.surroundings.key(context.common.key_file.as_deref())?;
        let clock = SystemClock::start();
        let mut settings = settings(currencies.to_vec(), "plan", &api_url, clock);
        pace.apply(&mut settings);
        settings.only_listing = true;
        // A wait for the vendor is told (I10); the plan itself goes to standard output.
        let level = if context.common.quiet { Level::Summary } else { Level::All };
        let lines = Lines::new(Box::new(std::io::stderr()), Form::Text, context.tz()?).at_level(level);
        let views: Vec<Box<dyn View>> = vec![Box::new(lines)];
        let done = Conduct { store: store.clone(), api_url, key: Some(key), views, settings };
        let report = conduct(done, clock).await?;
        // Names that do not parse are no reason to show no plan.
        if !matches!(report.ending, Ending::Complete | Ending::Attention) {
            return Err(Failure { code: report.ending.exit_code(), what: report.words, hint: None });
        }
        glance = sight::glance(&outside, &process::vantage()).await?;
    }
    let now = SystemClock::start().now();
    let records = store.load(now).await?.records;
    let horizon = Horizon { now, empty_days: pace.empty_days };
    let currencies = if currencies.is_empty() {
        glance.tallies.iter().map(|tally| tally.currency.clone()).collect()
    } else {
        currencies.to_vec()
    };
    let mut wanted = wanted(&records, &currencies, horizon);
    wanted.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    let expiry_queries = match (pace.query, glance.ability.expiry_queries) {
        (super::backfill::QueryFlag::Symbol, _) | (_, Proven::No) => Some(false),
        (super::backfill::QueryFlag::Expiry, _) | (_, Proven::Yes) => Some(true),
        _ => None,
    };
    let page = PlanPage {
        work: work(&currencies, &wanted, &records, &glance, pace, expiry_queries, now),
        quota: glance.throttle.quota.clone(),
        expiry_queries,
        listed_at: glance.listing.as_ref().map(|listing| listing.fetched_at),
        tallies: glance.tallies,
    };
    let text = if context.common.json { page.json(now) } else { page.draw(now, &context.tz()?, screen::width()) };
    screen::print(&text);
    Ok(0)
}

/// What each currency takes, one after another. While nobody knows whether expiries can be asked for, the range
/// reaches from the one to the other.
fn work(
    currencies: &[Currency],
    wanted: &[Wanted],
    records: &[OptionRecord],
    glance: &Glance,
    pace: &PaceFlags,
    expiry_queries: Option<bool>,
    now: crate::domain::moment::Moment,
) -> Vec<Work> {
    let chains = Chains::of(records);
    let used = sight::explain(glance, now).used;
    let quota = glance.throttle.quota.as_ref();
    let pace_ms = pace.max_rate.spacing_ms();
    let mut before = (0_u64, 0_u64);
    currencies
        .iter()
        .map(|currency| {
            let mine: Vec<Wanted> = wanted.iter().filter(|option| option.currency == *currency).cloned().collect();
            let count = |due: Due| mine.iter().filter(|option| option.due == due).count() as u64;
            let pages = |query: &Query| match query {
                Query::Symbol(_) => 1,
                Query::Expiry(currency, expiry) => u64::from(chains.pages(currency, *expiry, glance.ability.page_rows)),
            };
            let cover: u64 = cheapest_cover(&mine, &chains, glance.ability.page_rows).iter().map(pages).sum();
            let single = by_symbol(&mine).len() as u64;
            let (least, most) = match expiry_queries {
                Some(true) => (cover, cover),
                Some(false) => (single, single),
                None => (cover, single),
            };
            let span = |least: u64, most: u64| Range {
                low_ms: duration(least, quota, used, pace_ms).low_ms,
                high_ms: duration(most, quota, used, pace_ms).high_ms,
            };
            let after = (before.0 + least, before.1 + most);
            let (until_before, done_after) = (span(before.0, before.1), span(after.0, after.1));
            before = after;
            Work {
                currency: currency.clone(),
                pending: count(Due::Pending),
                grown: count(Due::Grown),
                old_empty: count(Due::OldEmpty),
                requests: most,
                time: Range {
                    low_ms: done_after.low_ms - until_before.low_ms,
                    high_ms: done_after.high_ms - until_before.high_ms,
                },
                done_after,
            }
        })
        .collect()
}
