//! The tree in ARCHITECTURE.md: one file or folder a line, or several of one folder side by side.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The map's file.
pub const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Every path that the tree names, relative to the root and without a slash at its end.
///
/// # Errors
/// A sentence that says what to do where there is no map to read.
pub fn mapped(root: &Path) -> Result<BTreeSet<String>, String> {
    let what_to_write = "a fenced block that starts with the line `src/`, one file or folder a line, deeper ones \
                         further right, folders with a slash at the end, a few words on each behind it";
    let text = fs::read_to_string(root.join(ARCHITECTURE))
        .map_err(|e| format!("{ARCHITECTURE} cannot be read ({e}): write it, with the tree as {what_to_write}"))?;
    let block = text
        .split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').map_or("", |(_, lines)| lines))
        .find(|block| block.starts_with("src/"))
        .ok_or_else(|| format!("{ARCHITECTURE} holds no tree: write {what_to_write}"))?;
    Ok(paths_of(block))
}

/// The column of a line's first name is its depth; a line's names end at the first word that is none.
fn paths_of(block: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut folders: Vec<(usize, String)> = Vec::new();
    for line in block.lines() {
        let branch = |c: char| c.is_whitespace() || "│├└─|`+".contains(c);
        let column = line.chars().take_while(|c| branch(*c)).count();
        let names = line.trim_start_matches(branch).split_whitespace().take_while(|word| is_path(word));
        folders.retain(|(its_column, _)| *its_column < column);
        let outer = folders.last().map_or("", |(_, path)| path).to_owned();
        let mut inside = outer.clone();
        for (place, name) in names.enumerate() {
            let path = format!("{inside}{name}");
            paths.insert(path.trim_end_matches('/').to_owned());
            // `engine/  mod.rs gate.rs`: the folder comes first, its files behind it.
            if place == 0 && name.ends_with('/') {
                folders.push((column, path.clone()));
                inside = path;
            }
        }
    }
    paths
}

fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let stem_and_extension =
        word.rsplit_once('.').is_some_and(|(stem, extension)| !stem.is_empty() && !extension.is_empty());
    plain && (word.ends_with('/') || stem_and_extension)
}

#[test]
fn a_tree_is_read_by_its_columns() {
    let block = "src/\n├ main.rs  lib.rs     the program\n├ domain/   PURE: no I/O\n│  ├ plan.rs   what to ask\n│  └ sql/  a.sql b.sql\n\
                 ├ view/   mod.rs feed.rs\n└ clock.rs\ntests/it/   one binary\n";
    let expected = [
        "src",
        "src/main.rs",
        "src/lib.rs",
        "src/domain",
        "src/domain/plan.rs",
        "src/domain/sql",
        "src/domain/sql/a.sql",
        "src/domain/sql/b.sql",
        "src/view",
        "src/view/mod.rs",
        "src/view/feed.rs",
        "src/clock.rs",
        "tests/it",
    ];
    assert_eq!(paths_of(block), expected.iter().map(|path| (*path).to_owned()).collect());
}
