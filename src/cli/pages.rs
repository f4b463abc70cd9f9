//! What the pages of several commands share.

use crate::store::Adopted;

/// The known name that is nearest to a misspelt one, if any is near (U1).
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min()?;
    (near.0 <= 1 + name.len() / 6).then_some(near.1)
}

/// What was taken over from an older script.
pub(super) fn adopted(adopted: &Adopted) -> String {
    let Adopted { stored, due, rows, odd } = adopted;
    let odd = if *odd > 0 { format!("; {odd} rows cannot be bars: they stay where they are") } else { String::new() };
    format!(
        "adopted {rows} rows of an older script: {stored} options whose history is over, {due} that still traded when \
         they were fetched and are due again{odd}"
    )
}
