//! Standard output. A reader that went away (`| head`) is no error (P5).

use std::fmt::Write as _;
use std::io::{self, Write};

/// Columns where nothing tells them.
const WIDTH_DEFAULT: usize = 120;

/// Prints a page.
pub(super) fn print(text: &str) {
    let _ = try_print(text);
}

/// Prints a page, for whoever prints again and must see that nobody reads any more.
pub(super) fn try_print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// A page on a terminal that is drawn over itself.
#[derive(Default)]
pub(super) struct Redraw {
    lines: usize,
    size: Option<(u16, u16)>,
}

impl Redraw {
    /// Draws a page over the one before. What is too long for the screen is cut: it could not be drawn over.
    pub(super) fn draw(&mut self, page: &str) -> io::Result<()> {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok().map(|size| (size.ws_col, size.ws_row));
        let rows = size.map_or(usize::MAX, |(_, rows)| usize::from(rows.max(2)) - 1);
        let mut text = String::with_capacity(page.len() + 256);
        // The terminal has moved the old lines itself where its size is another one: nobody knows where they are.
        if self.size != size && self.lines > 0 {
            text.push_str("\x1b[2J\x1b[H");
        } else if self.lines > 0 {
            let _ = write!(text, "\r\x1b[{}A", self.lines); // into a string: it cannot fail
        }
        (self.lines, self.size) = (0, size);
        for line in page.lines().take(rows) {
            text.push_str(line);
            text.push_str("\x1b[K\n");
            self.lines += 1;
        }
        text.push_str("\x1b[J");
        // Not through anstream, which takes the moves of the cursor away together with the colours.
        let mut out = io::stdout().lock();
        let is_plain = anstream::AutoStream::choice(&out) == anstream::ColorChoice::Never;
        let text = if is_plain { colorless(&text) } else { text };
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// The text without what sets colours and weights: `ESC [ … m`.
fn colorless(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, code) = rest.split_at(at);
        plain.push_str(before);
        let end = code[2..].find(|c: char| c.is_ascii_alphabetic()).map_or(code.len(), |end| end + 3);
        if !code[..end].ends_with('m') {
            plain.push_str(&code[..end]);
        }
        rest = &code[end..];
    }
    plain + rest
}

/// Columns of the terminal behind standard output; without one, room enough that nothing is cut.
pub(super) fn width() -> usize {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => WIDTH_DEFAULT,
    }
}

/// Lines of the terminal behind standard output; `None` where there is none, and so no end.
pub(super) fn height() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_row > 0).then(|| usize::from(size.ws_row))
}

/// Prints a value as JSON on one line.
pub(super) fn print_json(value: &impl serde::Serialize) {
    print(&serde_json::to_string(value).unwrap_or_default());
}

/// Says something beside the output.
pub(super) fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_away_and_moves_stay() {
        assert_eq!(colorless("\x1b[2A\x1b[1m\x1b[32mFine\x1b[0m\x1b[K\n\x1b[J"), "\x1b[2AFine\x1b[K\n\x1b[J");
        assert_eq!(colorless("plain \x1b["), "plain \x1b[");
    }
}
