//! A small archive as runs leave it, and everybody who looks at it or works on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chainfill::domain::candle::{Candle, Flaw};
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::{Happening, OptionRecord};
use chainfill::domain::moment::Moment;
use chainfill::domain::order::Order;
use chainfill::domain::plan::Horizon;
use chainfill::domain::proof::{Audit, Wrong};
use chainfill::domain::run::{Ending, Identity};
use chainfill::domain::vantage::Vantage;
use chainfill::engine::Report;
use chainfill::sight;
use chainfill::store::{
    Attempt, Batch, Claim, JournalLine, Mode, OptionNews, Outside, RunEnd, Store, StoreError, StoreUrl, Tally, open,
};
use chainfill::view::forecasts::ForecastsPage;
use chainfill::view::missing::{MissingOption, MissingPage};
use chainfill::view::proof::ProofPage;
use chainfill::view::{metrics, status_page};
use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

use super::Place;
use crate::rig::world::{BEGIN, World, settings, small};

/// How long a run may work on it before it is told to stop, and how long it may take to obey.
const WORK: Duration = Duration::from_secs(2);
const END: Duration = Duration::from_secs(30);

/// Most requests of one run on it.
const JOURNAL_MAX: usize = 500;

/// The archive, and the vendor's truth of it.
pub struct Archive<P> {
    pub place: P,
    /// Every option that the vendor lists, with its bars.
    pub truth: BTreeMap<String, Vec<Candle>>,
    runtime: Runtime,
}

/// What a proof saw.
pub struct Seen {
    /// What it found, by option.
    pub findings: Vec<(String, Wrong)>,
    /// The options that the ledger names, and their currencies.
    pub ledger: BTreeMap<String, String>,
    /// What the table holds of each option.
    pub bars: BTreeMap<String, Vec<Candle>>,
}

impl Seen {
    /// Whether a run asks for it: not under another currency's name.
    pub fn is_asked_for(&self, symbol: &str) -> bool {
        self.ledger.get(symbol).is_some_and(|currency| symbol.starts_with(&format!("{currency}-")))
    }

    /// The options whose rows are not those that were stored.
    pub fn damaged(&self) -> impl Iterator<Item = &String> {
        self.findings.iter().filter(|(_, wrong)| wrong.is_damage()).map(|(symbol, _)| symbol)
    }
}

impl<P: Place> Archive<P> {
    /// Two runs: one that filled it, and one that was killed in the middle.
    pub fn new(place: P) -> Archive<P> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut archive = Archive { place, truth: BTreeMap::new(), runtime };
        archive.truth = archive.runtime.block_on(filled(&archive.place.url()));
        archive.place.keep();
        archive
    }

    /// All that look at a store look at this one.
    pub fn looked_at(&self) -> Result<(), StoreError> {
        self.runtime.block_on(async { look(open(&self.place.url(), Mode::Read).await?.store).await })
    }

    /// What `verify` sees in it.
    pub fn proved(&self) -> Result<Seen, StoreError> {
        self.runtime.block_on(async { prove(&*open(&self.place.url(), Mode::Read).await?.store).await })
    }

    /// A run takes it over and works on it; how it ended.
    pub fn worked_on(&self) -> Result<Report, StoreError> {
        self.runtime.block_on(async { work(open(&self.place.url(), Mode::Write).await?.store).await })
    }

    /// What is damaged is put back and asked for again, as `retry` and `backfill` do. `None` where the run did not come to
    /// its end; else the options that were put back, and what a proof sees then.
    pub fn mended(&self) -> Result<Option<(BTreeSet<String>, Seen)>, StoreError> {
        self.runtime.block_on(async {
            let store = open(&self.place.url(), Mode::Write).await?.store;
            let seen = prove(&*store).await?;
            let damaged: BTreeSet<String> =
                seen.damaged().filter(|symbol| seen.ledger.contains_key(*symbol)).cloned().collect();
            let identity = Identity { pid: 3, ..settings().identity };
            let epoch = store.begin(&Claim { identity, now: BEGIN, alive: |_| Some(false) }).await?;
            let put_back = |symbol: &String| OptionNews {
                symbol: Symbol::new(symbol),
                happening: Happening::PutBack,
                candles: Vec::new(),
                flaws: Vec::new(),
                at: BEGIN,
                data_source: "cryptodatadownload",
            };
            let options = damaged.iter().map(put_back).collect();
            store.commit(epoch, &Batch { at: BEGIN, options, ..Batch::default() }).await?;
            store.end(epoch, &RunEnd { at: BEGIN, ending: Ending::Complete, progress: None }).await?;
            let report = work(store.clone()).await?;
            let is_whole = matches!(report.ending, Ending::Complete | Ending::Attention);
            Ok(if is_whole { Some((damaged, prove(&*store).await?)) } else { None })
        })
    }
}

/// Whatever stands there, a run comes to its end, by itself or when it is told to.
async fn work(store: Arc<dyn Store>) -> Result<Report, StoreError> {
    let mut world = World::on(vendor(), store.clone());
    world.latency_ms = 0;
    world.settings.identity.pid = 2;
    let epoch = world.begin().await?;
    let stop = async {
        tokio::time::sleep(WORK).await;
        let _ = world.stop.send_replace(true);
        tokio::time::sleep(END).await;
    };
    let report = tokio::select! {
        report = world.work(epoch) => report?,
        () = stop => panic!("a run that was told to stop goes on"),
    };
    // I4, I5: the counts are the ledger's, and what the vendor saw is in the journal.
    let ledger = store.load(BEGIN).await?.records;
    assert_eq!(store.glance(BEGIN).await?.tallies, Tally::of(&ledger));
    let journal = store.journal(JOURNAL_MAX).await?;
    let left = |line: &&JournalLine| line.epoch == epoch && line.outcome.as_deref() != Some("unsent");
    assert_eq!(journal.iter().filter(left).count() as u64, world.requests());
    Ok(report)
}

fn vendor() -> chainfill::vendor::Settings {
    small("BTC=9,ETH=6")
}

/// Fills it, and leaves a run in the middle of its work.
async fn filled(url: &StoreUrl) -> BTreeMap<String, Vec<Candle>> {
    let store = open(url, Mode::Write).await.unwrap().store;
    let mut world = World::on(vendor(), store.clone());
    world.latency_ms = 0;
    world.backfill().await.unwrap();
    world.know_quota(800, 3_600_000).await;
    let epoch = world.begin().await.unwrap();
    let attempt = |seq| Attempt { seq, kind: "symbol", query: "ETH-12APR24-3100-C".to_owned(), sent: BEGIN };
    let record = store.load(BEGIN).await.unwrap().records.swap_remove(0);
    let date = record.last_bar.expect("a bar");
    let given_up = OptionNews {
        symbol: record.symbol,
        happening: Happening::GivenUp("the vendor sent what is no answer".to_owned()),
        candles: Vec::new(),
        flaws: vec![(date, Flaw::Range)],
        at: BEGIN,
        data_source: "cryptodatadownload",
    };
    let batch = Batch {
        at: BEGIN,
        sent: vec![attempt(1), attempt(2)],
        options: vec![given_up],
        progress: Some(serde_json::to_string(&*world.progress.lock().unwrap()).unwrap()),
        action: Some("pace 2/s".to_owned()),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    store.leave_order(&Order::Pace { spacing_ms: 500 }, BEGIN).await.unwrap();
    let vendor = world.vendor.lock().unwrap();
    let bars = |name: &str| vendor.truth(name).iter().map(|bar| bar.candle().unwrap()).collect();
    vendor.names().iter().map(|name| (name.to_string(), bars(name))).collect()
}

/// Every read that a command or a page makes, and every form in which it is shown.
async fn look(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let (now, tz) = (BEGIN + 60_000, TimeZone::UTC);
    let from = Vantage { now, frame: settings().identity.frame(), alive: |_| None };
    let outside: Arc<dyn Outside> = store.clone();
    let records = store.load(Moment(0)).await?.records;
    let page = sight::page(&outside, &from).await?;
    let runs = store.runs(50).await?;
    let forecasts = ForecastsPage { runs: sight::forecasts(&runs, &from) };
    let missing = MissingPage {
        currencies: page.tallies.clone(),
        options: Some(records.iter().filter_map(MissingOption::of).collect()),
    };
    let shown = [
        page.json(now, &tz),
        status_page::draw(&page, now, &tz, 80, None, false),
        metrics::text(&page, now),
        forecasts.draw(now, &tz, 80),
        forecasts.json(now),
        missing.draw(80),
        missing.json(now),
    ];
    for text in shown {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "it steers a terminal: {text:?}");
    }
    sight::journal(&outside, 500, &from).await?;
    for tally in &page.tallies {
        for cover in store.coverage(&tally.currency).await? {
            store.chain(&tally.currency, cover.expiry).await?;
        }
    }
    for record in &records {
        sight::story(&outside, &record.symbol, &from).await?;
        store.history(&record.symbol).await?;
    }
    Ok(())
}

/// What `verify` does.
async fn prove(store: &dyn Store) -> Result<Seen, StoreError> {
    let mut audit = Audit::default();
    let mut bars: BTreeMap<String, Vec<Candle>> = BTreeMap::new();
    let mut see = |symbol: &Symbol, row: Result<&Candle, &str>| {
        if let Ok(candle) = row {
            bars.entry(symbol.to_string()).or_default().push(candle.clone());
        }
        audit.see(symbol, row);
    };
    let ledger = store.audit(&mut see).await?;
    let proof = audit.conclude(&ledger.records, &ledger.ability, Horizon { now: BEGIN, empty_days: 30 });
    let findings = proof.findings.iter().map(|found| (found.symbol.to_string(), found.wrong.clone())).collect();
    let page = ProofPage {
        currencies: proof.checked,
        others: proof.others,
        findings: proof.findings,
        print: format!("{:016x}", proof.print.0),
    };
    let text = page.draw(80) + &page.json(BEGIN);
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "it steers a terminal: {text:?}");
    let named = |record: &OptionRecord| (record.symbol.to_string(), record.currency.to_string());
    let ledger = ledger.records.iter().map(named).collect();
    Ok(Seen { findings, ledger, bars })
}
