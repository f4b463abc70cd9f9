//! What is known of the vendor's throttle, and what it cost.

use jiff::tz::TimeZone;
use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use super::spark;
use crate::domain::forecast::span_words;
use crate::domain::governor::Reason;
use crate::domain::governor::quota::Evidence;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::view::finish::clock;
use crate::view::numbers::{counted, grouped};
use crate::view::status::StatusPage;
use crate::view::table::{fit, wrap};
use crate::view::words;

const BAR_MAX: usize = 40;

/// The card.
pub fn card(page: &StatusPage, now: Moment, tz: &TimeZone, width: usize, paint: Paint) -> Card {
    let throttle = &page.throttle;
    let room = width.saturating_sub(1);
    let say = |words: String| wrap(&words, room).into_iter().map(|line| Line::raw(format!(" {line}")));
    let mut lines = Vec::new();
    match &throttle.quota {
        None => lines.extend(say(format!(
            "no 429 has told of a limit yet; {} may still count",
            counted(throttle.used.into(), "request")
        ))),
        Some(quota) => {
            let (used, of) = (u64::from(throttle.used), u64::from(quota.requests));
            let count = format!("{} of {}", grouped(used), grouped(of));
            let room = width.saturating_sub(count.chars().count() + 3).min(BAR_MAX);
            let filled = spark::bar(used, of, room);
            let rest = "·".repeat(room - filled.chars().count());
            let style = if used >= of { paint.wait() } else { paint.busy() };
            lines.push(Line::from_iter([
                Span::raw(" "),
                Span::styled(filled, style),
                Span::styled(rest, paint.dim()),
                Span::styled(format!("  {count}"), paint.strong()),
            ]));
            let from = match quota.evidence {
                Evidence::Matched => "seen in a 429",
                Evidence::Computed => "computed from a 429",
            };
            let next = match (throttle.next_at, throttle.reason) {
                (Some(next), Some(Reason::Cooldown | Reason::Quota)) if next > now => {
                    format!("next slot at {}", next.time_of_day(tz, now))
                }
                _ => "next slot now".to_owned(),
            };
            lines.extend(say(format!("{}, {from} at {}; {next}", quota.words(), clock(quota.learned_at, now, tz))));
        }
    }
    if let Some(progress) = &page.progress {
        lines.extend(say(costs(progress, page.cooldown_ms(now))).map(|line| line.style(paint.dim())));
    }
    Card::new(fit("Throttle", width), lines)
}

fn costs(progress: &Progress, spent_ms: i64) -> String {
    let waits = match progress.cooldowns {
        0 => "no cooldown yet".to_owned(),
        count => format!("{}, {} in them", counted(count, "cooldown"), span_words(spent_ms)),
    };
    format!("{waits}; {} x 429; {}", grouped(progress.refusals), words::pace(progress.spacing_ms))
}
