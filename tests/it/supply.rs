//! What the program is made of: named, checked, from one place.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The values of a field in the lock file, `name = "value"`.
fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
    line.strip_suffix('"')
}

#[test]
fn every_dependency_is_locked_with_its_sum_and_comes_from_the_registry() {
    for (lock, ours) in [("Cargo.lock", &["chainfill"][..]), ("fuzz/Cargo.lock", &["chainfill", "chainfill-fuzz"])] {
        let text = read(lock);
        let packages: Vec<&str> = text.split("[[package]]").skip(1).collect();
        assert!(packages.len() > 50, "{lock} was not read");
        let mut own = BTreeSet::new();
        for package in packages {
            let name = field(package, "name").expect("a name");
            match field(package, "source") {
                Some(source) => {
                    assert_eq!(source, REGISTRY, "{name} of {lock}: a git or another registry's package can change");
                    assert!(field(package, "checksum").is_some_and(|sum| sum.len() == 64), "{name} has no sum");
                }
                None => drop(own.insert(name)),
            }
        }
        assert_eq!(own, ours.iter().copied().collect(), "{lock}: a dependency by path is in nobody else's clone");
    }
}

#[test]
fn the_lock_file_is_committed() {
    let ignored =
        Command::new("git").args(["check-ignore", "Cargo.lock"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    match ignored {
        // 1: it is not ignored. Beyond that git knows nothing here: no repository, as in a downloaded archive.
        Ok(output) => assert_ne!(output.status.code(), Some(0), "Cargo.lock is ignored: builds would differ"),
        Err(why) => crate::rig::skipped(&format!("whether git ignores the lock file: {why}")),
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""), "`forbid` is what no file can take back");
    assert!(!manifest.contains("[workspace]"), "another package would need the same lint");
}
