//! When a quarter, a half, three quarters and all of a currency's options are done, or were.

use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use crate::domain::milestone::{Milestone, PERCENTS};
use crate::domain::moment::Moment;
use crate::view::escape::safe;
use crate::view::finish::{self, clock};
use crate::view::table::fit;

const NAME_MAX: usize = 9;

/// A line a currency; `None` where no run has anything to do.
pub fn card(marks: &[Milestone], now: Moment, tz: &TimeZone, width: usize, paint: Paint) -> Option<Card> {
    let rows: Vec<&[Milestone]> = marks.chunks(PERCENTS.len()).collect();
    let first = *rows.first()?;
    let names: Vec<String> = rows.iter().map(|row| row.first().map_or_else(String::new, name)).collect();
    let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(name_width + 2) / PERCENTS.len();
    let texts = |form: Form| -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|mark| cell(mark, form, now, tz)).collect()).collect()
    };
    // The fullest form in which every cell has its place.
    let forms = [Form::Range, Form::Latest, Form::Short, Form::Mark];
    let fits = |cells: &Vec<Vec<String>>| cells.iter().flatten().all(|cell| cell.chars().count() < room);
    let cells = forms.into_iter().map(texts).find(fits)?;
    let head = |mark: &Milestone| format!(" {:<room$}", format!("{} %", mark.percent));
    let heads: String = first.iter().map(head).collect::<String>();
    let mut lines = vec![Line::styled(format!(" {:<name_width$}{}", "", heads.trim_end()), paint.dim())];
    for ((row, name), texts) in rows.iter().zip(&names).zip(&cells) {
        let mut spans = vec![Span::raw(format!(" {name:<name_width$}"))];
        spans.extend(row.iter().zip(texts).map(|(mark, text)| {
            let style = if mark.reached_at.is_some() { paint.good() } else { Style::new() };
            Span::styled(format!(" {text:<room$}"), style)
        }));
        lines.push(Line::from(spans));
    }
    Some(Card::new("Milestones of this run", lines))
}

#[derive(Clone, Copy)]
enum Form {
    Range,
    Latest,
    Short,
    Mark,
}

fn name(mark: &Milestone) -> String {
    fit(&safe(mark.currency.as_str()), NAME_MAX)
}

fn cell(mark: &Milestone, form: Form, now: Moment, tz: &TimeZone) -> String {
    match (mark.reached_at, mark.low_at, mark.high_at, form) {
        (Some(_), _, _, Form::Mark) => "✓".to_owned(),
        (Some(at), _, _, Form::Short) => format!("✓{}", at.shortest(tz, now)),
        (Some(at), ..) => format!("✓ {}", clock(at, now, tz)),
        (None, Some(low), Some(high), Form::Range) => format!("~ {}", finish::between(low, high, now, tz)),
        (None, Some(_), Some(high), Form::Latest) => format!("~ {}", clock(high, now, tz)),
        (None, Some(_), Some(high), Form::Short) => format!("~{}", high.shortest(tz, now)),
        (None, ..) => "·".to_owned(),
    }
}
