//! Prometheus' text form: families of samples, each with its help and type, names of others made harmless.
//!
//! It is written by hand and not by a registry: what is told is a snapshot of a store, often of a run in another
//! process or of one long dead, so there is nothing to register and nothing to count here.

use std::fmt::{Display, Write};

use super::escape::safe;

/// How a client is told which form this is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a number does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, until a new run starts it anew.
    Counter,
    /// Counts by size.
    Histogram,
}

/// A text that grows family by family.
#[derive(Clone, Debug, Default)]
pub struct Exposition(String);

/// A family's samples.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    is_headed: bool,
}

impl Exposition {
    /// The samples of one name. A family without a sample leaves no trace.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        Family { text: &mut self.0, name, kind, help, is_headed: false }
    }

    /// A family of one sample.
    pub fn one(&mut self, name: &'static str, kind: Kind, help: &'static str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// The whole text.
    pub fn text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// One sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part("", labels, value);
    }

    /// One series of a set of states: 1 where it is the present one, else 0.
    pub fn state(&mut self, label: &str, state: &str, is_now: bool) {
        self.sample(&[(label, state)], u8::from(is_now));
    }

    /// A histogram. `buckets`: upper ends with the counts between them; the last has no upper end.
    pub fn histogram(&mut self, buckets: impl IntoIterator<Item = (String, u64)>, sum: impl Display) {
        let mut seen = 0;
        let mut buckets = buckets.into_iter().peekable();
        while let Some((end, count)) = buckets.next() {
            seen += count;
            let end = if buckets.peek().is_some() { end.as_str() } else { "+Inf" };
            self.part("_bucket", &[("le", end)], seen);
        }
        self.part("_sum", &[], sum);
        self.part("_count", &[], seen);
    }

    fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let Family { text, name, kind, help, is_headed } = self;
        // Into a string: it cannot fail, here and below.
        if !std::mem::replace(is_headed, true) {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
        }
        let _ = write!(text, "{name}{suffix}");
        for (at, (label, of)) in labels.iter().enumerate() {
            let _ = write!(text, "{}{label}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(of));
        }
        let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        }
    }
}

/// Milliseconds as seconds, exactly: `-0.020`, `2815.000`.
pub fn seconds(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000)
}

/// A part of a whole as a number between 0 and 1, never rounded up; 1 of nothing, because nothing is missing.
pub fn ratio(part: u64, whole: u64) -> String {
    const PARTS: u128 = 1_000_000;
    let parts = if whole == 0 { PARTS } else { (u128::from(part) * PARTS / u128::from(whole)).min(PARTS) };
    format!("{}.{:06}", parts / PARTS, parts % PARTS)
}

/// A label's value (X1): what steers a terminal is spelt out, so that `curl` can show it; two names never become one,
/// because a name's own backslashes are doubled before others are added.
fn escaped(value: &str) -> String {
    let told = safe(&value.replace('\\', r"\\")).into_owned();
    told.replace('\\', r"\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_one_label_of_one_line() {
        // F-X1
        let mut text = Exposition::default();
        let mut family = text.family("chainfill_x", Kind::Gauge, "Of a test.");
        for name in ["a\"} 1\nchainfill_up 0", "a\\nb", "a\nb", "\u{1b}[31m\u{202e}", "{le=\"1\"}"] {
            family.sample(&[("name", name), ("b", "2")], 1);
        }
        text.one("chainfill_y_seconds", Kind::Gauge, "Of a test.", seconds(-20));
        text.family("chainfill_z", Kind::Gauge, "Without a sample.");
        insta::assert_snapshot!(text.text());
    }

    #[test]
    fn a_histogram_is_cumulative_and_its_last_bucket_has_no_end() {
        let mut text = Exposition::default();
        let buckets = [("0.1", 3), ("0.2", 0), ("0.4", 2)].map(|(end, count)| (end.to_owned(), count));
        text.family("chainfill_x_seconds", Kind::Histogram, "Of a test.").histogram(buckets, seconds(812));
        insta::assert_snapshot!(text.text());
    }

    #[test]
    fn a_part_is_never_the_whole() {
        let ratios = [(0, 3), (2, 3), (17_528, 17_529), (3, 3), (0, 0)].map(|(part, whole)| ratio(part, whole));
        assert_eq!(ratios, ["0.000000", "0.666666", "0.999942", "1.000000", "1.000000"]);
    }
}
