//! Standard output. A reader that went away (`| head`) is no error (P5).

use std::io::Write;

/// Columns where nothing tells them.
const WIDTH_DEFAULT: usize = 120;

/// Prints a page.
pub(super) fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
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
