//! Bars that contradict themselves, from the answer to the store: kept as the vendor gave them, and flagged.

use std::sync::{Arc, Mutex};

use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::limits::DAY_MS;
use chainfill::store::{MemoryStore, Outside as _};
use chainfill::vendor::Settings;

use crate::rig::world::{World, answer, small};

const OVER: &str = "BTC-17APR24-60000-C";
const TRADES: &str = "BTC-25DEC26-60000-C";

fn row(symbol: &str, date: &str, values: [&str; 5]) -> String {
    let open_ms = chainfill::domain::moment::Moment::opening_of(date.parse().unwrap()).0;
    let [open, high, low, close, volume] = values;
    format!(
        r#"{{"unix":{open_ms},"date":"{date}","symbol":"{symbol}","open":{open},"high":{high},"low":{low},"close":{close},"volume":{volume}}}"#
    )
}

/// A vendor of these options that answers each with these rows.
fn world(names: &[&str], rows: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> (World, Arc<MemoryStore>) {
    let names = Some(names.iter().map(ToString::to_string).collect());
    let mut world = World::new(Settings { names, ..small("BTC=1") });
    world.settings.query = QueryMode::Symbol;
    world.script = Some(Arc::new(move |path, _| {
        let (_, symbol) = path.split_once("symbol=")?;
        answer(200, &format!(r#"{{"result":[{}]}}"#, rows(symbol).join(",")))
    }));
    let memory = world.memory.clone().unwrap();
    (world, memory)
}

#[tokio::test(start_paused = true)]
async fn bars_that_contradict_themselves_are_stored_as_given_and_flagged_by_date() {
    // F-X4, F-X5
    let given = [
        ("2024-04-01", ["1", "2", "0.5", "1.5", "10"], &[][..]),
        ("2024-04-02", ["1", "0.5", "2", "1", "10"], &["range"]),
        ("2024-04-03", ["3", "2", "1", "1.5", "10"], &["range"]),
        ("2024-04-04", ["1", "2", "1", "0.5", "10"], &["range"]),
        ("2024-04-05", ["1", "2", "-1", "1", "10"], &["negative"]),
        ("2024-04-06", ["1", "2", "1", "1", "-10"], &["negative"]),
        ("2024-04-07", ["1", "2", "1", "1", "-0.0"], &[]),
        ("2024-04-08", ["null", "2", "1", "1", "10"], &["null"]),
        ("2024-04-09", ["-1", "null", "2", "1", "0"], &["negative", "null"]),
        ("2024-04-17", ["1", "2", "1", "1", "0"], &[]),
        ("2024-04-18", ["1", "2", "1", "1", "0"], &["after_expiry"]),
        ("2024-04-19", ["1", "2", "3", "1", "0"], &["after_expiry", "range"]),
    ];
    let (world, memory) = world(&[OVER, TRADES], move |symbol| match symbol {
        OVER => given.iter().map(|(date, values, _)| row(symbol, date, *values)).collect(),
        _ => vec![row(symbol, "2026-11-20", ["1", "2", "1", "2", "3"])],
    });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    let mut flagged: Vec<(String, String, &str)> = Vec::new();
    for (symbol, date, word) in memory.flags() {
        flagged.push((symbol.to_string(), date.to_string(), word));
    }
    let said =
        given.iter().flat_map(|(date, _, words)| words.iter().map(|word| (OVER.to_owned(), (*date).into(), *word)));
    assert_eq!(flagged, said.collect::<Vec<_>>());
    let stored = memory.history(&chainfill::domain::instrument::Symbol::new(OVER)).await.unwrap();
    let told = |bar: &chainfill::domain::candle::Candle| {
        let values = bar.values().map(|value| value.map_or("null".to_owned(), |number| number.normalize().to_string()));
        (bar.date.to_string(), values.map(|text| if text == "-0" { "0".to_owned() } else { text }))
    };
    let as_given = |(date, values, _): &(&str, [&str; 5], &[&str])| {
        (date.to_string(), values.map(|text| if text == "-0.0" { "0".to_owned() } else { text.to_owned() }))
    };
    assert_eq!(stored.iter().map(told).collect::<Vec<_>>(), given.iter().map(as_given).collect::<Vec<_>>());
    assert_eq!(world.told("Stored"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bar_that_the_vendor_gives_otherwise_the_next_day_is_kept_with_what_it_was() {
    // F-S20, F-X4
    let close = Arc::new(Mutex::new("2"));
    let says = Arc::clone(&close);
    let (world, memory) = world(&[TRADES], move |symbol| {
        let close = *says.lock().unwrap();
        vec![
            row(symbol, "2026-11-20", ["1", "2", "1", "2", "3"]),
            row(symbol, "2026-11-21", ["1", "2", "1", close, "3"]),
        ]
    });
    world.backfill().await.unwrap();
    assert_eq!((memory.flags(), memory.revisions().len()), (vec![], 0));
    *close.lock().unwrap() = "7";
    tokio::time::advance(std::time::Duration::from_millis(DAY_MS.unsigned_abs())).await;
    world.backfill().await.unwrap();
    let revisions = memory.revisions();
    let [(symbol, revision)] = revisions.as_slice() else { panic!("{revisions:?}") };
    assert_eq!((symbol.as_str(), revision.new.date.to_string()), (TRADES, "2026-11-21".to_owned()));
    let closes = [&revision.old, &revision.new].map(|bar| bar.close.unwrap().to_string());
    assert_eq!(closes, ["2", "7"]);
    let flags: Vec<_> = memory.flags().into_iter().map(|(_, date, word)| (date.to_string(), word)).collect();
    assert_eq!(flags, [("2026-11-21".to_owned(), "range")]);
    assert_eq!(world.told("Revised"), 1);
}
