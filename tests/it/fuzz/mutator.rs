//! New inputs out of good ones: bytes changed, parts left out, doubled, moved, taken from another input, words put in.

use fastrand::Rng;

/// Longest input.
const BYTES_MAX: usize = 6_000;
/// Inputs that are kept, good ones to start from included.
const POOL_MAX: usize = 512;

/// Makes inputs, always the same ones from the same seed.
pub struct Mutator {
    rng: Rng,
    pool: Vec<Vec<u8>>,
    good: usize,
    words: &'static [&'static str],
}

impl Mutator {
    /// Starts from these inputs and words.
    pub fn new(rng: Rng, seeds: Vec<Vec<u8>>, words: &'static [&'static str]) -> Mutator {
        assert!(!seeds.is_empty() && !words.is_empty(), "nothing to start from");
        Mutator { rng, good: seeds.len(), pool: seeds, words }
    }

    /// Another input: mostly one change away from a good one, sometimes many.
    pub fn next(&mut self) -> Vec<u8> {
        let mut input = self.rng.choice(&self.pool).cloned().unwrap_or_default();
        let changes = 1 + if self.rng.bool() { 0 } else { self.rng.usize(..6) };
        for _ in 0..changes {
            self.change(&mut input);
        }
        input.truncate(BYTES_MAX);
        // What was changed now and then is changed further.
        if self.rng.u8(..) == 0 {
            if self.pool.len() < POOL_MAX.max(self.good * 2) {
                self.pool.push(input.clone());
            } else {
                let at = self.rng.usize(self.good..self.pool.len());
                self.pool[at].clone_from(&input);
            }
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.usize(..=input.len());
        let part = at..(at + 1 + self.rng.usize(..12)).min(input.len());
        match self.rng.u8(..12) {
            0 => input.insert(at, self.rng.u8(..)),
            1 | 2 if at < input.len() => input[at] = self.rng.u8(..),
            3 if at < input.len() => input[at] ^= 1 << self.rng.u8(..8),
            4 if at < input.len() => drop(input.drain(part)),
            5 if at < input.len() => {
                let copy = input[part].to_vec();
                let to = self.rng.usize(..=input.len());
                input.splice(to..to, copy);
            }
            6 => input.truncate(at),
            7 => {
                let other = self.rng.choice(&self.pool).cloned().unwrap_or_default();
                let from = self.rng.usize(..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            8 => self.number(input),
            9 => {
                let word = self.rng.choice(self.words).copied().unwrap_or_default();
                let end = (at + word.len()).min(input.len());
                input.splice(at..end, word.bytes());
            }
            _ => {
                let word = self.rng.choice(self.words).copied().unwrap_or_default();
                input.splice(at..at, word.bytes());
            }
        }
    }

    /// Another number in the place of one.
    fn number(&mut self, input: &mut Vec<u8>) {
        let starts: Vec<usize> = (0..input.len())
            .filter(|at| input[*at].is_ascii_digit() && (*at == 0 || !input[at - 1].is_ascii_digit()))
            .collect();
        let Some(start) = self.rng.choice(starts) else { return };
        let digits = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = match self.rng.u8(..8) {
            0 => "0".to_owned(),
            1 => "-1".to_owned(),
            2 => i64::MAX.to_string(),
            3 => i64::MIN.to_string(),
            4 => u64::MAX.to_string(),
            5 => u32::MAX.to_string(),
            6 => format!("{}", 1_u64 << self.rng.u32(..63)),
            _ => self.rng.u16(..).to_string(),
        };
        input.splice(start..start + digits, number.bytes());
    }
}
