//! HTTP's messages on their way between the program and a vendor: an answer cut, slow, lost, or another's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;

use super::lock;
use super::proxy::{Act, Course, Side};

/// What can happen to an exchange.
pub const MISCHIEFS: [&str; 8] = [
    "request cut",
    "answer cut",
    "answer reset",
    "answer stalled",
    "answer dripped",
    "answer of an earlier request",
    "half-open",
    "black hole",
];

/// What goes wrong between one program and one vendor.
#[derive(Clone)]
pub struct Meddler(Arc<Mutex<State>>);

struct State {
    rng: Rng,
    left: u64,
    /// So many of so many exchanges.
    share: (u32, u32),
    kinds: Vec<&'static str>,
    shelf: Option<Vec<u8>>,
    made: BTreeMap<&'static str, u64>,
}

/// One connection.
struct Exchange {
    meddler: Meddler,
    answer: Vec<u8>,
    planned: Option<&'static str>,
}

impl Meddler {
    /// So many mischiefs of these kinds, one in so many exchanges, as follows from a seed.
    pub fn new(seed: u64, times: u64, one_in: u32, kinds: &[&'static str]) -> Meddler {
        Meddler::of(seed, times, (1, one_in), kinds)
    }

    /// Mischiefs of these kinds for as long as there are exchanges, so many of so many.
    pub fn losing(seed: u64, share: (u32, u32), kinds: &[&'static str]) -> Meddler {
        Meddler::of(seed, u64::MAX, share, kinds)
    }

    fn of(seed: u64, left: u64, share: (u32, u32), kinds: &[&'static str]) -> Meddler {
        let (rng, kinds) = (Rng::with_seed(seed), kinds.to_vec());
        let state = State { rng, left, share, kinds, shelf: None, made: BTreeMap::new() };
        Meddler(Arc::new(Mutex::new(state)))
    }

    /// The course of one more connection.
    pub fn course(&self) -> Box<dyn Course> {
        Box::new(Exchange { meddler: self.clone(), answer: Vec::new(), planned: None })
    }

    /// How often each kind came.
    pub fn made(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0).made.clone()
    }
}

impl State {
    fn plan(&mut self) -> Option<&'static str> {
        if self.left == 0 || self.rng.u32(0..self.share.1) >= self.share.0 {
            return None;
        }
        self.rng.choice(&self.kinds).copied()
    }

    fn count(&mut self, kind: &'static str) {
        *self.made.entry(kind).or_default() += 1;
        self.left = self.left.saturating_sub(1);
    }
}

impl Course for Exchange {
    fn next(&mut self, from: Side, bytes: &[u8]) -> Vec<Act> {
        let meddler = self.meddler.clone();
        let mut state = lock(&meddler.0);
        if from == Side::Program {
            self.answer.clear();
            self.planned = state.plan();
            if self.planned == Some(MISCHIEFS[0]) {
                state.count(MISCHIEFS[0]);
                let at = state.rng.usize(0..bytes.len());
                return vec![Act::Pass(bytes[..at].to_vec()), Act::Reset];
            }
            return vec![Act::Pass(bytes.to_vec())];
        }
        self.answer.extend_from_slice(bytes);
        if !is_whole(&self.answer) {
            return Vec::new();
        }
        let answer = std::mem::take(&mut self.answer);
        let earlier = if holds_rows(&answer) { state.shelf.replace(answer.clone()) } else { state.shelf.clone() };
        let Some(kind) = self.planned.take() else { return vec![Act::Pass(answer)] };
        let at = state.rng.usize(0..answer.len());
        let (head, tail) = (answer[..at].to_vec(), answer[at..].to_vec());
        let acts = match kind {
            "answer cut" => vec![Act::Pass(head), Act::Cut],
            "answer reset" => vec![Act::Pass(head), Act::Reset],
            "answer stalled" => vec![Act::Pass(head), Act::Stall(Duration::from_millis(300)), Act::Pass(tail)],
            "answer dripped" => {
                let (drops, rest) = answer.split_at(answer.len().min(400));
                vec![Act::Drip(drops.to_vec(), Duration::from_micros(500)), Act::Pass(rest.to_vec())]
            }
            "half-open" => vec![Act::Pass(answer), Act::Forget],
            "black hole" => vec![Act::Pass(head), Act::Lose],
            _ => match earlier {
                Some(earlier) if earlier != answer => vec![Act::Pass(earlier)],
                _ => return vec![Act::Pass(answer)],
            },
        };
        state.count(kind);
        acts
    }
}

/// Whether an answer is there to its last byte, by its length or its last chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let body = answer.len() - head - 4;
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    match text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok()) {
        Some(length) => body >= length,
        None => !text.contains("chunked") || answer.ends_with(b"0\r\n\r\n"),
    }
}

/// Whether it tells of bars. An empty one names no option: nobody could see that it is another's.
fn holds_rows(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200") && answer.windows(8).any(|word| word == b"\"symbol\"")
}
