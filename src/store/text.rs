//! Text that every store can hold.

use std::borrow::Cow;

/// Writes U+0000 out: PostgreSQL cannot hold it in a text, and one hostile name must not stop a commit (X1).
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\\u{0}")) } else { Cow::Borrowed(text) }
}
