//! What TRUST.md says of tests: each line of the catalogue of faults has one, and each hard test stands in trust.list.

use std::collections::BTreeSet;
use std::fs;

use super::{Source, root, sources};

/// Every text of the tests, those beside the code included.
fn code() -> Vec<String> {
    sources(&["src", "tests/it"], &["rs"]).into_iter().map(|source| source.text).collect()
}

#[test]
fn every_line_of_the_catalogue_has_a_test_or_a_sentence() {
    let catalogue = root().join("../shared/FAULTS.md");
    let Ok(catalogue) = fs::read_to_string(&catalogue) else {
        crate::rig::skipped("whether each line of the shared catalogue of faults has a test: it is absent");
        return;
    };
    let trust = fs::read_to_string(root().join("TRUST.md")).unwrap();
    // The simulated vendor and the rig make faults, and these tests speak of them: that is no proof of what the program does.
    let others = ["src/vendor/", "tests/it/rig/", "tests/it/tidy/"];
    let is_proof = |path: &str| !others.iter().any(|other| path.starts_with(other));
    let code: Vec<Source> =
        sources(&["src", "tests/it"], &["rs"]).into_iter().filter(|source| is_proof(&source.path)).collect();
    let contract = functions_of_the_contract(&code);
    let proven: BTreeSet<String> = code.iter().flat_map(|source| proven_in(&source.text, &contract)).collect();
    let lines = lines_of(&catalogue);
    assert!(lines.len() > 90, "the catalogue is read: {lines:?}");
    let named = |line: &&String| proven.contains(*line) || names_in(&trust).any(|name| name == **line);
    let missing: Vec<_> = lines.iter().filter(|line| !named(line)).collect();
    assert!(missing.is_empty(), "write a test that names F-{missing:?}, or a sentence with it in TRUST.md");
}

/// `P6` for each `F-P6`.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let ends = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    text.match_indices("F-").map(move |(at, mark)| &text[at + mark.len()..]).map(move |rest| &rest[..ends(rest)])
}

/// What a text names within a test, or right above one. Elsewhere it is only spoken of.
fn proven_in(text: &str, contract: &BTreeSet<String>) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut proven = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let mut names = names_in(line).peekable();
        if names.peek().is_none() {
            continue;
        }
        // A function's own documentation stands above it.
        let function = if line.starts_with("///") {
            (at..lines.len()).find(|at| function_at(lines[*at]).is_some())
        } else {
            (0..at).rev().find(|at| function_at(lines[*at]).is_some())
        };
        let Some(function) = function else { continue };
        let above = lines[..function].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        let is_test = above.into_iter().any(|line| line.contains("test]") || line.contains("test("));
        if is_test || function_at(lines[function]).is_some_and(|name| contract.contains(name)) {
            proven.extend(names.map(str::to_owned));
        }
    }
    proven
}

/// The name of the function that a line declares.
fn function_at(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_declared =
        before.split_whitespace().all(|word| ["async", "const"].contains(&word) || word.starts_with("pub"));
    is_declared.then(|| after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(after))
}

/// Those that the macros of the store contract make a test a store of: they stand in a list, a name a line.
fn functions_of_the_contract(code: &[Source]) -> BTreeSet<String> {
    let contract = code.iter().filter(|source| source.path.starts_with("tests/it/store_contract"));
    let lines = contract.flat_map(|source| source.text.lines());
    let listed = lines.filter_map(|line| line.trim().strip_suffix(','));
    listed.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(str::to_owned).collect()
}

#[test]
fn what_is_only_spoken_of_is_not_taken_for_proven() {
    let contract = BTreeSet::from(["listed".to_owned()]);
    let seen = |text: &str| proven_in(text, &contract);
    assert_eq!(seen("#[test]\nfn a() {\n    // F-P6, F-I10: so\n}"), ["P6", "I10"]);
    assert_eq!(seen("/// F-X1\n#[tokio::test(start_paused = true)]\nasync fn a() {}"), ["X1"]);
    assert_eq!(seen("async fn listed() {\n    // F-B1\n}"), ["B1"]);
    assert_eq!(seen("fn helps() {\n    // F-B1\n}\n#[test]\nfn a() {}"), Vec::<String>::new());
    assert_eq!(seen("//! F-B1"), Vec::<String>::new());
}

/// `S3`, `I12`: the names at the start of a line, of a cell, or behind a dot in the middle.
fn lines_of(catalogue: &str) -> BTreeSet<String> {
    let is_name = |word: &str| {
        let (letter, number) = word.split_at(word.len().min(1));
        "ISTPCBXUW".contains(letter) && !letter.is_empty() && number.parse::<u8>().is_ok()
    };
    let parts = catalogue.split(['\n', '·', '|']);
    let words = parts.filter_map(|part| part.split_whitespace().next());
    words.filter(|word| is_name(word)).map(str::to_owned).collect()
}

#[test]
fn every_hard_test_stands_in_trust_list() {
    let list = fs::read_to_string(root().join("trust.list")).unwrap();
    let listed: BTreeSet<&str> =
        list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(" | ").next()).collect();
    for text in code() {
        for (at, _) in text.match_indices("Bout::new(\"") {
            let name = text[at + 11..].split('"').next().unwrap();
            assert!(listed.contains(name), "{name} stands in no line of trust.list: give it its times and its share");
        }
    }
    let shares: Vec<u32> = list.lines().filter_map(|line| line.split(" | ").nth(3)?.parse().ok()).collect();
    assert_eq!((shares.len(), shares.iter().sum::<u32>()), (listed.len(), 100), "shares are per cent");
}
