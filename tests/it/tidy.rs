//! The house's style as tests: who may use whom, who may read a clock, how long a file may be. Each failure says
//! what to do.

use std::fs;
use std::path::Path;

mod map;
mod paths;
mod trust;

use map::{ARCHITECTURE, mapped};
use paths::{code_of, paths_in};

/// The layers of src/, lowest first, and what each may use of the crate besides itself. `main.rs` and `lib.rs` are
/// free, and so is the use of `limits`. A new layer gets a line here before it gets a file.
const LAYERS: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("domain", &[]),
    ("clock", &["domain"]),
    ("process", &["domain", "clock"]),
    ("source", &["domain"]),
    ("redaction", &["source"]),
    ("http", &["redaction", "source"]),
    ("store", &["domain"]),
    ("config", &["domain"]),
    ("vendor", &["domain", "http", "source"]),
    ("view", &["domain"]),
    ("notify", &["domain", "view"]),
    ("sight", &["domain", "process", "store", "view"]),
    ("dashboard", &["domain", "clock", "process", "store", "view", "sight"]),
    ("engine", &["store", "http", "source", "domain", "clock"]),
    (
        "cli",
        &[
            "limits",
            "domain",
            "clock",
            "process",
            "source",
            "http",
            "store",
            "config",
            "vendor",
            "view",
            "engine",
            "sight",
            "notify",
            "dashboard",
        ],
    ),
];

const FREE: [&str; 2] = ["main", "lib"];

/// Layers that decide and never act, and what would let them act.
const PURE: [&str; 2] = ["domain", "source"];
const IMPURE: [&str; 10] = [
    "tokio",
    "tokio_postgres",
    "reqwest",
    "rusqlite",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::net",
    "std::process",
    "fastrand",
];

/// What reads a clock.
const CLOCK_READS: [&str; 5] =
    ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "time::clock_gettime"];

/// Who may, and why.
const CLOCK_READERS: [(&str, &str); 3] = [
    ("src/clock.rs", "it is the clock"),
    ("src/vendor/server.rs", "the simulated vendor is another program, with a clock of its own"),
    ("src/vendor/transport.rs", "its tests run in the paused time of tokio, which is no clock"),
];

const LINES_MAX: usize = 500;

/// Names that say nothing of what is inside.
const BANNED_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "manager", "common", "types", "misc"];

struct Source {
    /// Below the repository's root, with slashes.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file that people write, below some folders, in the order of their paths.
fn sources(folders: &[&str], extensions: &[&str]) -> Vec<Source> {
    fn walk(dir: &Path, extensions: &[&str], found: &mut Vec<Source>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            // What others wrote is theirs: the packages that the browser's tests install.
            if path.is_dir() && !["__pycache__", "node_modules"].contains(&name.as_str()) {
                walk(&path, extensions, found);
            } else if extensions.contains(&extension.as_str()) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, text });
            }
        }
    }
    let mut found = Vec::new();
    for folder in folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()) {
        walk(&folder, extensions, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn crate_files() -> Vec<Source> {
    let files = sources(&["src"], &["rs"]);
    assert!(files.len() > 5, "src/ was not found: this test looks at nothing");
    files
}

/// All at once, so that one run shows everything there is to do.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The layer of `src/store/sqlite.rs` is `store`, and its module is two deep.
fn layer_and_depth(path: &str) -> (&str, usize) {
    let inside = path.trim_start_matches("src/");
    let layer = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs");
    let depth = inside.split('/').filter(|part| *part != "mod.rs").count();
    (layer, depth)
}

/// What layer of the crate a path leads to, as written in a module so deep.
fn leads_to<'a>(path: &'a str, depth: usize) -> Option<&'a str> {
    let parts: Vec<&'a str> = path.split("::").collect();
    let ups = parts.iter().take_while(|part| **part == "super").count();
    let target = if parts[0] == "crate" || parts[0] == "chainfill" {
        *parts.get(1)?
    } else if ups > 0 && ups >= depth {
        // From a test module `super` is one step less far; then this is a name of its own file, not a layer.
        *parts.get(ups)?
    } else {
        return None;
    };
    LAYERS.iter().map(|(name, _)| *name).find(|name| *name == target)
}

#[test]
fn each_layer_uses_only_the_layers_below_it() {
    let mut complaints = Vec::new();
    for file in crate_files() {
        let (layer, depth) = layer_and_depth(&file.path);
        if FREE.contains(&layer) {
            continue;
        }
        let Some((_, may)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            complaints.push(format!(
                "{}: `{layer}` has no line in LAYERS (tests/it/tidy.rs): say there what it may use, or move the file",
                file.path
            ));
            continue;
        };
        for (line, path) in paths_in(&code_of(&file.text)) {
            let Some(target) = leads_to(&path, depth) else { continue };
            if target != layer && target != "limits" && !may.contains(&target) {
                let may = if may.is_empty() { "nothing but `limits`".to_owned() } else { may.join(", ") };
                complaints.push(format!(
                    "{}:{line}: `{layer}` may not use `{target}` (it may use {may}): pass the value in, put a trait \
                     between them, or move the code to the layer that may",
                    file.path
                ));
            }
        }
    }
    none(&complaints);
}

#[test]
fn what_decides_does_not_act() {
    let mut complaints = Vec::new();
    for file in crate_files() {
        let (layer, _) = layer_and_depth(&file.path);
        if !PURE.contains(&layer) {
            continue;
        }
        for (line, path) in paths_in(&code_of(&file.text)) {
            if let Some(impure) = IMPURE.iter().find(|impure| begins_with(&path, impure)) {
                complaints.push(format!(
                    "{}:{line}: `{layer}` is pure and may not use `{impure}`: take what it brings as an argument",
                    file.path
                ));
            }
        }
    }
    none(&complaints);
}

#[test]
fn only_the_clock_reads_a_clock() {
    let mut complaints = Vec::new();
    for file in crate_files() {
        if CLOCK_READERS.iter().any(|(reader, _)| *reader == file.path) {
            continue;
        }
        for (line, path) in paths_in(&code_of(&file.text)) {
            if CLOCK_READS.iter().any(|read| ends_with(&path, read)) || ends_with(&path, "clock_gettime") {
                complaints.push(format!(
                    "{}:{line}: `{path}` reads a clock: take the moment as an argument, or ask src/clock.rs",
                    file.path
                ));
            }
        }
    }
    none(&complaints);
}

#[test]
fn production_code_has_no_branch_for_tests() {
    let mut complaints = Vec::new();
    for file in crate_files() {
        for (number, line) in (1..).zip(code_of(&file.text).lines()) {
            if line.contains("cfg!(test)") || line.contains("cfg(not(test))") {
                complaints.push(format!(
                    "{}:{number}: production code behaves otherwise under test: replace the outside at a port instead",
                    file.path
                ));
            }
        }
    }
    none(&complaints);
}

#[test]
fn no_file_is_too_long() {
    let mut complaints = Vec::new();
    for file in sources(&["src", "tests", "bench", "scripts"], &["rs", "py", "sql", "js", "mjs", "css", "html"]) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            complaints.push(format!(
                "{}: {lines} lines, more than {LINES_MAX}: it holds a second idea, give that a file",
                file.path
            ));
        }
    }
    none(&complaints);
}

#[test]
fn every_name_says_what_is_inside() {
    let mut complaints = Vec::new();
    for file in sources(&["src", "tests", "bench", "scripts"], &["rs", "py", "sql", "js", "mjs", "css", "html"]) {
        for part in file.path.split('/') {
            let stem = part.split('.').next().unwrap_or(part);
            if BANNED_NAMES.contains(&stem) {
                complaints.push(format!("{}: `{stem}` names no idea: name it by the noun that it holds", file.path));
            }
        }
    }
    none(&complaints);
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut complaints = Vec::new();
    for file in sources(&["src", "tests", "bench", "scripts"], &["rs", "py", "sql", "js", "mjs", "css", "html"]) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(mark) = marks.iter().find(|mark| line.contains(*mark)) {
                complaints.push(format!(
                    "{}:{number}: {mark}: do it, or open an issue and say in the comment what holds today",
                    file.path
                ));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_map_is_the_land() {
    let mut complaints = Vec::new();
    let map = mapped(root()).unwrap_or_else(|why| panic!("\n{why}\n"));
    for path in &map {
        if !root().join(path).exists() {
            complaints
                .push(format!("{ARCHITECTURE} names `{path}`, which is not there: mend the tree, or make the file"));
        }
    }
    let mut there = Vec::new();
    for entry in fs::read_dir(root().join("src")).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            there.extend(fs::read_dir(&path).unwrap().map(|inner| inner.unwrap().path()));
        }
        there.push(path);
    }
    for path in there {
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if !map.contains(&path) {
            complaints.push(format!(
                "{path} is not in the tree of {ARCHITECTURE}: add it, with a few words on what it is for"
            ));
        }
    }
    complaints.sort();
    none(&complaints);
}

fn begins_with(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

#[test]
fn these_tests_see_what_they_look_for() {
    let see = |path: &str, code: &str| -> Vec<String> {
        let (_, depth) = layer_and_depth(path);
        paths_in(&code_of(code)).iter().filter_map(|(_, path)| leads_to(path, depth)).map(str::to_owned).collect()
    };
    assert_eq!(see("src/domain/plan.rs", "use crate::store::Store; // crate::engine"), ["store"]);
    assert_eq!(
        see("src/domain/plan.rs", "use crate::{\n  limits::X,\n  store::{A, B},\n};"),
        ["limits", "store", "store"]
    );
    assert_eq!(see("src/domain/plan.rs", "fn f() { super::super::http::get(); super::ledger::x() }"), ["http"]);
    assert_eq!(see("src/domain/mod.rs", "use super::view;"), ["view"]);
    assert_eq!(see("src/http.rs", "use super::store::Store;\nmod tests { use super::*; }"), ["store"]);
    assert_eq!(see("src/http.rs", "/* crate::view */ let a = \"crate::cli // \"; crate::engine::run()"), ["engine"]);
    let quoted = r##"let a = r#"crate::cli " crate::view"#; let b = '\"'; crate::store::x(); let c = "crate::cli";"##;
    assert_eq!(see("src/http.rs", quoted), ["store"]);
    let all = |code: &str| -> Vec<String> { paths_in(code).into_iter().map(|(_, path)| path).collect() };
    assert_eq!(all("use std::{fs, time::{self, Instant}};"), ["std::fs", "std::time::self", "std::time::Instant"]);
    assert!(ends_with("tokio::time::Instant::now", "Instant::now") && !ends_with("MyInstant::now", "Instant::now"));
    assert!(begins_with("std::fs::File", "std::fs") && !begins_with("std::fsx", "std::fs"));
}
