//! Each request in the journal, on the wire and at the vendor (I5).

use std::collections::{BTreeMap, HashMap};

use chainfill::store::{Batch, JournalLine, Settled};

use super::oracle::Broken;

/// What is known of requests.
#[derive(Default)]
pub struct Requests {
    /// What was announced, by run and number.
    announced: HashMap<(usize, i64), Announced>,
    /// Announced ones that have neither left nor been taken back, by run and query.
    waiting: HashMap<(usize, String), u32>,
    /// Those that left, by run and query.
    left: BTreeMap<(usize, String), u64>,
    /// Which run an epoch of the store is.
    runs: HashMap<i64, usize>,
}

struct Announced {
    query: String,
    settled: bool,
}

impl Requests {
    /// A run holds the store by that number.
    pub fn holds(&mut self, run: usize, epoch: i64) {
        self.runs.insert(epoch, run);
    }

    /// Whether that number is that run's.
    pub fn is_of(&self, run: usize, epoch: i64) -> bool {
        self.runs.get(&epoch) == Some(&run)
    }

    /// A batch is in the store, perhaps for the second time. Returns the outcomes that are new, with their queries.
    pub fn written<'a>(&mut self, run: usize, batch: &'a Batch, broken: &mut Broken) -> Vec<(String, &'a Settled)> {
        for attempt in &batch.sent {
            let query = attempt.query.clone();
            self.announced.entry((run, attempt.seq)).or_insert_with(|| {
                *self.waiting.entry((run, query.clone())).or_default() += 1;
                Announced { query, settled: false }
            });
        }
        let mut news = Vec::new();
        for settled in &batch.settled {
            let Some(announced) = self.announced.get_mut(&(run, settled.seq)) else {
                broken.add("I5", format!("the outcome of {} of run {run}, which was never announced", settled.seq));
                continue;
            };
            if std::mem::replace(&mut announced.settled, true) {
                continue;
            }
            let query = announced.query.clone();
            if settled.outcome == "unsent" && !self.takes(run, &query) {
                broken.add("I5", format!("{query} is called unsent, and left"));
            }
            news.push((query, settled));
        }
        news
    }

    /// A request leaves.
    pub fn leaves(&mut self, run: usize, query: &str, broken: &mut Broken) {
        *self.left.entry((run, query.to_owned())).or_default() += 1;
        if !self.takes(run, query) {
            broken.add("I5", format!("{query} left and is not in the journal"));
        }
    }

    fn takes(&mut self, run: usize, query: &str) -> bool {
        let waiting = self.waiting.get_mut(&(run, query.to_owned())).filter(|count| **count > 0);
        waiting.map(|count| *count -= 1).is_some()
    }

    /// The journal against the wire, run by run, and against what the vendor served, by query.
    pub fn compare(&self, journal: &[JournalLine], served: &BTreeMap<String, u64>, broken: &mut Broken) {
        // Those that may have left, those that did, and those of which an answer is known.
        let mut by_run: BTreeMap<(usize, &str), (u64, u64)> = BTreeMap::new();
        let mut by_query: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for line in journal.iter().filter(|line| line.outcome.as_deref() != Some("unsent")) {
            let Some(run) = self.runs.get(&line.epoch.0) else {
                broken.add("I5", format!("{} is of epoch {}, which nobody had", line.query, line.epoch.0));
                continue;
            };
            let outcome = line.outcome.as_deref().filter(|outcome| *outcome != "unknown");
            let counts = by_run.entry((*run, &line.query)).or_default();
            *counts = (counts.0 + 1, counts.1 + u64::from(outcome.is_some()));
            let counts = by_query.entry(&line.query).or_default();
            *counts = (counts.0 + 1, counts.1 + u64::from(outcome.is_some_and(|outcome| outcome != "no_answer")));
        }
        for ((run, query), left) in &self.left {
            let (may_have, _) = by_run.get(&(*run, query.as_str())).copied().unwrap_or_default();
            if *left > may_have {
                broken.add("I5", format!("{query} left {left} times in run {run}, {may_have} in the journal"));
            }
        }
        for ((run, query), (_, did)) in by_run {
            let left = self.left.get(&(run, query.to_owned())).copied().unwrap_or_default();
            if did > left {
                broken.add("I5", format!("{query} came of {did} times in run {run}'s journal, and left {left} times"));
            }
        }
        for (query, came) in served {
            let (may_have, _) = by_query.get(query.as_str()).copied().unwrap_or_default();
            if *came > may_have {
                broken.add("I5", format!("{query}: {came} times at the vendor, {may_have} times in the journal"));
            }
        }
        for (query, (_, answered)) in by_query {
            let came = served.get(query).copied().unwrap_or_default();
            if answered > came {
                broken.add("I5", format!("{query}: {answered} answers in the journal, {came} at the vendor"));
            }
        }
    }
}
