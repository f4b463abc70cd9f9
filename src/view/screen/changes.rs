//! The tables of a hand-written status page in one: the archive before the run, now, and when all is done.

use std::fmt::Write as _;

use ratatui::text::Line;

use super::card::Card;
use super::paint::Paint;
use crate::domain::outlook::{Change, Counts, Outlook};
use crate::domain::tally::Tally;
use crate::view::escape::safe;
use crate::view::numbers::grouped;
use crate::view::status::StatusPage;
use crate::view::table::fit;

const NAME_MAX: usize = 9;
/// Blanks between two columns, and more between two groups of them.
const GAP: usize = 2;
const GROUP_GAP: usize = 3;

/// A group of columns: its head, and each column's head with its place in [`Row::cells`].
type Group = (&'static str, &'static [(&'static str, usize)]);

/// The table's forms, fullest first.
const FORMS: [&[Group]; 4] = [
    &[
        ("Records", &[("before", 0), ("now", 1), ("target", 2)]),
        ("Options", &[("before", 3), ("now", 4), ("target", 5)]),
        ("Missing", &[("before", 6), ("now", 7)]),
    ],
    &[
        ("Records", &[("before", 0), ("now", 1), ("target", 2)]),
        ("Options", &[("now", 4), ("target", 5)]),
        ("Missing", &[("now", 7)]),
    ],
    &[("Records", &[("now", 1)]), ("Options", &[("now", 4), ("target", 5)]), ("Missing", &[("now", 7)])],
    &[("Records", &[("now", 1)]), ("Options", &[("now", 4)]), ("Missing", &[("now", 7)])],
];

/// The card, in the fullest form that fits.
pub fn card(page: &StatusPage, outlook: &Outlook, width: usize, paint: Paint) -> Card {
    let mut rows: Vec<Row> = outlook.changes.iter().zip(&page.tallies).map(|(one, tally)| row(one, tally)).collect();
    if rows.len() > 1 {
        rows.push(total(&outlook.changes, &page.tallies));
    }
    let has_before = outlook.changes.iter().any(|one| one.before.is_some());
    let forms = FORMS.iter().skip(usize::from(!has_before));
    let drawn: Vec<[Vec<String>; 2]> = forms.map(|form| draw(form, &rows)).collect();
    let widest = |[heads, lines]: &[Vec<String>; 2]| heads.iter().chain(lines).map(|line| line.chars().count()).max();
    let chosen = drawn.iter().find(|drawn| widest(drawn).unwrap_or(0) <= width).or(drawn.last());
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some([heads, texts]) = chosen {
        lines.extend(heads.iter().map(|head| Line::styled(fit(head, width), paint.dim())));
        lines.extend(texts.iter().map(|text| Line::raw(fit(text, width))));
    }
    Card::new(if has_before { "Before the run, now, and the target" } else { "Now, and the target" }, lines)
}

/// One line: records before, now, target; options before, now, target; missing before, now.
struct Row {
    name: String,
    cells: [String; 8],
}

/// The two head lines, and a line a row.
fn draw(form: &[Group], rows: &[Row]) -> [Vec<String>; 2] {
    let name_width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let width_of = |head: &str, at: usize| {
        rows.iter().map(|row| row.cells[at].chars().count()).chain([head.chars().count()]).max().unwrap_or(0)
    };
    let mut groups = format!(" {:name_width$}", "");
    let mut heads = groups.clone();
    let mut lines: Vec<String> = rows.iter().map(|row| format!(" {:<name_width$}", row.name)).collect();
    for (label, columns) in form {
        let mut span = 0;
        for (place, (head, at)) in columns.iter().enumerate() {
            let gap = if place == 0 { GROUP_GAP } else { GAP };
            let width = width_of(head, *at).max(if columns.len() == 1 { label.chars().count() } else { 0 });
            let _ = write!(heads, "{:gap$}{head:>width$}", ""); // into a string: it cannot fail, here and below
            for (line, row) in lines.iter_mut().zip(rows) {
                let _ = write!(line, "{:gap$}{:>width$}", "", row.cells[*at]);
            }
            span += gap + width;
        }
        let _ = write!(groups, "{label:>span$}");
    }
    [vec![groups, heads], lines]
}

fn row(one: &Change, tally: &Tally) -> Row {
    let before =
        |value: fn(&Counts) -> u64| one.before.as_ref().map_or_else(|| "-".to_owned(), |counts| grouped(value(counts)));
    let target = one.rows_expected.map_or_else(
        || "?".to_owned(),
        |rows| if tally.known() == tally.listed { grouped(rows) } else { format!("~{}", about(rows)) },
    );
    Row {
        name: fit(&safe(tally.currency.as_str()), NAME_MAX),
        cells: [
            before(|counts| counts.rows),
            grouped(one.now.rows),
            target,
            before(|counts| counts.stored),
            grouped(one.now.stored),
            grouped(one.listed),
            before(|counts| counts.missing),
            grouped(one.now.missing),
        ],
    }
}

fn total(changes: &[Change], tallies: &[Tally]) -> Row {
    let nothing = Counts { rows: 0, stored: 0, missing: 0 };
    let sum = |counts: Counts, more: Counts| Counts {
        rows: counts.rows + more.rows,
        stored: counts.stored + more.stored,
        missing: counts.missing + more.missing,
    };
    let all = Tally::total(tallies);
    let whole = Change {
        currency: all.currency.clone(),
        before: changes.iter().map(|one| one.before).try_fold(nothing, |total, before| Some(sum(total, before?))),
        now: changes.iter().map(|one| one.now).fold(nothing, sum),
        listed: all.listed,
        rows_expected: changes.iter().map(|one| one.rows_expected).sum(),
    };
    row(&whole, &all)
}

/// Three digits: what is guessed is not known better.
fn about(number: u64) -> String {
    let mut unit = 1;
    while number / unit >= 1_000 {
        unit *= 10;
    }
    grouped((number + unit / 2) / unit * unit)
}
