//! Small tables in plain text.

/// A table with a head.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Column {
    head: String,
    right: bool,
    optional: bool,
}

const GAP: usize = 2;

impl Table {
    /// A table without columns.
    pub fn new() -> Table {
        Table { columns: Vec::new(), rows: Vec::new() }
    }

    /// A column of words.
    pub fn words(self, head: &str) -> Table {
        self.column(head, false, false)
    }

    /// A column of numbers.
    pub fn numbers(self, head: &str) -> Table {
        self.column(head, true, false)
    }

    /// A column of numbers that a narrow screen can do without; the last ones go first.
    pub fn extra_numbers(self, head: &str) -> Table {
        self.column(head, true, true)
    }

    fn column(mut self, head: &str, right: bool, optional: bool) -> Table {
        self.columns.push(Column { head: head.to_owned(), right, optional });
        self
    }

    /// Adds a row; what is missing is blank.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table's lines, no wider than `width`.
    pub fn draw(&self, width: usize) -> Vec<String> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| self.width_of(at)).collect();
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        while total(&shown, &widths) > width {
            let Some(last) = shown.iter().rposition(|at| self.columns[*at].optional) else { break };
            shown.remove(last);
        }
        let gap = if total(&shown, &widths) > width { 1 } else { GAP };
        let heads = self.columns.iter().map(|column| column.head.clone()).collect();
        std::iter::once(&heads).chain(&self.rows).map(|cells| self.line(cells, &shown, &widths, gap, width)).collect()
    }

    fn width_of(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([self.columns[at].head.chars().count()]).max().unwrap_or(0)
    }

    fn line(&self, cells: &[String], shown: &[usize], widths: &[usize], gap: usize, width: usize) -> String {
        let mut line = String::new();
        for (place, at) in shown.iter().enumerate() {
            let cell = cells.get(*at).map_or("", String::as_str);
            let blank = " ".repeat(widths[*at].saturating_sub(cell.chars().count()));
            if place > 0 {
                line.push_str(&" ".repeat(gap));
            }
            let (before, after) = if self.columns[*at].right { (blank.as_str(), "") } else { ("", blank.as_str()) };
            line.extend([before, cell, after]);
        }
        fit(line.trim_end(), width)
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

fn total(shown: &[usize], widths: &[usize]) -> usize {
    shown.iter().map(|at| widths[*at]).sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

/// The text, cut with `…` where it is wider.
pub fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…').take(width.min(1))).collect()
}

/// Words broken into lines no wider than `width`; a longer word is cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, width)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new().words("Currency").numbers("Records").extra_numbers("Listed");
        table.row(["ETH".to_owned(), "26,078".to_owned(), "8,679".to_owned()]);
        table.row(["BTC_USDC".to_owned(), "3".to_owned()]);
        table
    }

    #[test]
    fn numbers_stand_right_and_a_narrow_screen_loses_the_last_extra_column() {
        assert_eq!(table().draw(80), ["Currency  Records  Listed", "ETH        26,078   8,679", "BTC_USDC        3"]);
        assert_eq!(table().draw(20)[1], "ETH        26,078");
        assert!(table().draw(10).iter().all(|line| line.chars().count() <= 10));
    }

    #[test]
    fn text_is_cut_and_wrapped_to_the_width() {
        assert_eq!((fit("abcdef", 4), fit("abcd", 4), fit("ab", 0)), ("abc…".into(), "abcd".into(), String::new()));
        assert_eq!(wrap("aa bb cccccccc d", 5), ["aa bb", "cccc…", "d"]);
    }
}
