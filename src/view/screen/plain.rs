//! The screen for a terminal that knows ASCII only.

use ratatui::buffer::Buffer;

/// Puts the nearest ASCII character in the place of each sign that the screen is drawn with, and `?` in that of any
/// other.
pub fn ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some(sign) = cell.symbol().chars().next().filter(|sign| !sign.is_ascii()) {
            cell.set_char(nearest(sign));
        }
    }
}

fn nearest(sign: char) -> char {
    match sign {
        '─' => '-',
        '█' | '▉' | '▊' | '▋' | '▇' | '▆' | '▅' => '#',
        '▒' => 'o',
        '▌' | '▍' | '▎' | '▏' | '▄' | '▃' | '▂' => '=',
        '▁' => '_',
        '·' => '.',
        '…' => '~',
        '●' | '✓' => '*',
        '›' | '→' => '>',
        '←' => '<',
        '↑' => '^',
        '↓' => 'v',
        _ => '?',
    }
}
