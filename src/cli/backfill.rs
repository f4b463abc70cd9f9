//! `chainfill backfill`: the main job.

use clap::{Args, ValueEnum};

use super::conduct::{Conduct, conduct, settings};
use super::dashboard::Beside;
use super::notify::NotifyFlags;
use super::views::Views;
use super::{Context, Failure, pages, screen, views};
use crate::clock::SystemClock;
use crate::config::{MaxRate, Span};
use crate::domain::governor::Pace;
use crate::domain::instrument::Currency;
use crate::engine::{OnLimit, QueryMode};
use crate::limits::{CONCURRENCY_DEFAULT, CONCURRENCY_MAX, EMPTY_DAYS_DEFAULT};
use crate::store::Mode;

/// Fetch everything that is missing; safe to stop and start at any point.
#[derive(Clone, Debug, Args)]
pub(super) struct Backfill {
    /// Currencies in their order [default: BTC ETH]; ALL for whatever is listed. BTC_USDC is a currency of its own
    #[arg(value_name = "CURRENCY")]
    currencies: Vec<String>,

    #[command(flatten)]
    pub pace: PaceFlags,

    /// At the vendor's limit: wait, or end with exit code 5
    #[arg(long, value_enum, default_value_t = AtLimit::Wait)]
    on_limit: AtLimit,

    /// Longest wait that is waited out, such as 90s or 2h; a longer one ends the run with exit code 5
    #[arg(long, value_name = "DURATION")]
    max_wait: Option<Span>,

    /// Only the first N options
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Show the plan, and fetch nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    notify: NotifyFlags,

    #[command(flatten)]
    beside: Beside,
}

/// How fast, and how.
#[derive(Clone, Debug, Args)]
pub(super) struct PaceFlags {
    /// How to ask: auto finds out whether one query can fetch a whole expiry
    #[arg(long, value_enum, default_value_t = QueryFlag::Auto)]
    pub query: QueryFlag,

    /// Requests in flight at once, at the most
    #[arg(long, value_name = "N", default_value_t = CONCURRENCY_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CONCURRENCY_MAX)))]
    pub concurrency: u32,

    /// Requests per second at the most, or none
    #[arg(long, value_name = "R", default_value = "5")]
    pub max_rate: MaxRate,

    /// Days after which an option without data is looked at again
    #[arg(long, value_name = "DAYS", default_value_t = EMPTY_DAYS_DEFAULT)]
    pub empty_days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum QueryFlag {
    Auto,
    Symbol,
    Expiry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AtLimit {
    Wait,
    Exit,
}

impl Backfill {
    /// Runs until all is known, or something ends it.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let currencies = currencies(&self.currencies)?;
        if self.dry_run {
            return super::plan::show(context, &currencies, &self.pace, self.limit, false).await;
        }
        let api_url = context.api_url();
        let key = context.surroundings.key(context.common.key_file.as_deref())?;
        // Before the store is touched: a port that is taken is no reason to have begun (U3).
        let clock = SystemClock::start();
        let dashboard = self.beside.open(context, context.store_url()?).await?;
        let told = self.notify.targets(context)?;
        let opened = context.open(Mode::Write).await?;
        if let Some(adopted) = opened.adopted {
            screen::note(&pages::adopted(&adopted));
        }
        let mut settings = settings(currencies, "backfill", &api_url, clock);
        self.pace.apply(&mut settings);
        settings.named = !self.currencies.is_empty();
        settings.on_limit = if self.on_limit == AtLimit::Exit { OnLimit::Exit } else { OnLimit::Wait };
        settings.max_wait_ms = self.max_wait.map(|span| span.ms);
        settings.limit = self.limit.map(|limit| limit as usize);
        let Views { all: mut views, beside } = views::views(&context.common, &context.tz()?)?;
        let notified = self.notify.view(told, context, &settings.identity.host, beside)?;
        let farewell = notified.map(|(view, farewell)| {
            views.push(Box::new(view));
            farewell
        });
        let done = conduct(Conduct { store: opened.store, api_url, key: Some(key), views, settings }, clock).await;
        if let Some(farewell) = farewell {
            farewell.wait().await;
        }
        if let Some(dashboard) = dashboard {
            dashboard.stop().await;
        }
        Ok(done?.ending.exit_code())
    }
}

impl PaceFlags {
    /// Puts the flags into a run's settings.
    pub(super) fn apply(&self, settings: &mut crate::engine::Settings) {
        settings.query = match self.query {
            QueryFlag::Auto => QueryMode::Auto,
            QueryFlag::Symbol => QueryMode::Symbol,
            QueryFlag::Expiry => QueryMode::Expiry,
        };
        settings.pace = Pace { spacing_ms: self.max_rate.spacing_ms(), concurrency: self.concurrency };
        settings.empty_days = self.empty_days;
    }
}

/// What is fetched where nobody says otherwise.
const CURRENCIES_DEFAULT: [&str; 2] = ["BTC", "ETH"];

/// Reads currencies; an empty list stands for ALL.
pub(super) fn currencies(names: &[String]) -> Result<Vec<Currency>, Failure> {
    if names.is_empty() {
        return Ok(CURRENCIES_DEFAULT.map(Currency::stored).to_vec());
    }
    if names.iter().any(|name| name == "ALL") {
        if names.len() > 1 {
            return Err(Failure::usage(&"ALL stands for every currency: name it alone"));
        }
        return Ok(Vec::new());
    }
    let mut found: Vec<Currency> = Vec::new();
    for name in names {
        let currency = name.parse().map_err(|_| {
            let upper = name.to_ascii_uppercase();
            let failure = Failure::usage(&format!("{} is no currency", name.escape_debug()));
            match upper.parse::<Currency>() {
                Ok(_) if upper != *name => failure.hint(format!("is it {upper}?")),
                _ => failure.hint("write BTC, ETH, BTC_USDC, …, or ALL"),
            }
        })?;
        if !found.contains(&currency) {
            found.push(currency);
        }
    }
    Ok(found)
}
