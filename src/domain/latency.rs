//! How long answers take, as counts in buckets that never grow: percentiles of a run of any length.

use serde::{Deserialize, Serialize};

/// Upper ends of the buckets, in milliseconds: steps of about a quarter, from 1 ms to the longest request.
const ENDS_MS: [u32; 48] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24, 30, 38, 47, 59, 74, 93, 116, 145, 182, 227, 284, 355, 444, 555, 694, 867,
    1_084, 1_355, 1_694, 2_118, 2_647, 3_309, 4_136, 5_170, 6_462, 8_078, 10_097, 12_622, 15_777, 19_722, 24_652,
    30_815, 38_519, 48_148, 60_186, 75_232,
];

/// Latencies by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latencies(Vec<u64>);

/// What most answers took, in milliseconds: each number is the upper end of its bucket, so at most a quarter too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half of the answers took no longer.
    pub p50_ms: u32,
    /// Nine of ten took no longer.
    pub p90_ms: u32,
    /// 99 of 100 took no longer.
    pub p99_ms: u32,
    /// None took longer.
    pub max_ms: u32,
}

impl Latencies {
    /// Counts an answer.
    pub fn add(&mut self, latency_ms: i64) {
        self.0.resize(ENDS_MS.len(), 0);
        let at = ENDS_MS.partition_point(|end| i64::from(*end) < latency_ms).min(ENDS_MS.len() - 1);
        if let Some(count) = self.0.get_mut(at) {
            *count += 1;
        }
    }

    /// The upper ends of the buckets in milliseconds, each with the answers in it.
    pub fn buckets(&self) -> impl Iterator<Item = (u32, u64)> {
        ENDS_MS.into_iter().zip(self.0.iter().copied().chain(std::iter::repeat(0)))
    }

    /// The percentiles; `None` before the first answer.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let total: u64 = self.0.iter().sum();
        let at = |percent: u64| {
            let wanted = (total * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let reaches = |(_, count): &(u32, u64)| {
                seen += count;
                seen >= wanted
            };
            self.buckets().find(reaches).map(|(end, _)| end)
        };
        Some(Percentiles { p50_ms: at(50)?, p90_ms: at(90)?, p99_ms: at(99)?, max_ms: at(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_never_too_low_and_at_most_a_quarter_too_high() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), None);
        (1..=1_000).for_each(|ms| latencies.add(ms));
        let found = latencies.percentiles().map(|found| [found.p50_ms, found.p90_ms, found.p99_ms, found.max_ms]);
        for (found, exact) in found.into_iter().flatten().zip([500, 900, 990, 1_000]) {
            assert!((exact..=exact * 5 / 4).contains(&found), "{found} for {exact}");
        }
        assert_eq!(latencies.buckets().map(|(_, count)| count).sum::<u64>(), 1_000);
    }

    #[test]
    fn a_latency_beyond_all_buckets_is_counted_in_the_last() {
        let mut latencies = Latencies::default();
        latencies.add(i64::MAX);
        latencies.add(-5);
        let found = latencies.percentiles().map(|found| (found.p50_ms, found.max_ms));
        assert_eq!(found, Some((1, 75_232)));
    }
}
