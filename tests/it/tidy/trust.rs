//! What TRUST.md says of tests: each line of the catalogue of faults has one, and each hard test stands in trust.list.

use std::collections::BTreeSet;
use std::fs;

use super::{root, sources};

/// Every text of the tests, those beside the code included.
fn code() -> Vec<String> {
    sources(&["src", "tests/it"], &["rs"]).into_iter().map(|source| source.text).collect()
}

#[test]
fn every_line_of_the_catalogue_has_a_test_or_a_sentence() {
    let catalogue = root().join("../shared/FAULTS.md");
    let Ok(catalogue) = fs::read_to_string(&catalogue) else {
        println!("skipped: {} is absent", catalogue.display());
        return;
    };
    let trust = fs::read_to_string(root().join("TRUST.md")).unwrap();
    let code = code().join("\n");
    let named = |line: &str| {
        let name = format!("F-{line}");
        let mut places = code.match_indices(&name).map(|(at, _)| code[at + name.len()..].chars().next());
        places.any(|next| next.is_none_or(|next| !next.is_ascii_digit())) || trust.contains(&name)
    };
    let lines = lines_of(&catalogue);
    assert!(lines.len() > 90, "the catalogue is read: {lines:?}");
    let missing: Vec<_> = lines.iter().filter(|line| !named(line)).collect();
    assert!(missing.is_empty(), "write a test that names F-{missing:?}, or a sentence with it in TRUST.md");
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
