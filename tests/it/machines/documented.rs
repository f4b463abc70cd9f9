//! docs/machines.md, held against the code: what is told is documented, and what is documented is told.

use std::collections::{BTreeMap, BTreeSet};

use chainfill::domain::health::Health;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::Progress;
use chainfill::notify::notice::{Kind, Notice};

use super::{file, named, names, texts};

const PAGE: &str = "docs/machines.md";

/// The items of an enum or the fields of a struct in Rust's text, each with the fields below it.
fn items(path: &str, head: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = file(path);
    let (_, inside) = text.split_once(head).unwrap_or_else(|| panic!("{path} holds no {head}"));
    let (inside, _) = inside.split_once("\n}").unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in inside.lines().filter(|line| !line.trim_start().starts_with(['/', '#'])) {
        let depth = line.len() - line.trim_start().len();
        let name: String =
            line.trim().trim_start_matches("pub ").chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        match depth {
            4 if !name.is_empty() => {
                last.clone_from(&name);
                found.entry(name).or_default();
            }
            8 if !name.is_empty() => {
                found.entry(last.clone()).or_default().insert(name);
            }
            _ => {}
        }
    }
    assert!(found.len() > 1, "{path}: nothing in {head}");
    found
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The rows of a table by their first word, each with all the words in them.
fn rows(page: &str, section: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, rest) = page.split_once(section).unwrap_or_else(|| panic!("{PAGE} has no {section}"));
    let section = rest.split("\n## ").next().unwrap();
    let quoted = |line: &str| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| (quoted(row)[0].clone(), quoted(row).into_iter().collect())).collect()
}

#[test]
fn every_event_and_every_field_of_it_is_documented_and_nothing_else() {
    let page = file(PAGE);
    let mut told = items("src/domain/event.rs", "pub enum Event {");
    let fields = |path: &str, head: &str| items(path, head).into_keys().collect::<BTreeSet<_>>();
    told.remove("Sent"); // it has no line
    told.get_mut("Stored").unwrap().extend(fields("src/domain/event.rs", "pub struct OptionDone {"));
    told.get_mut("Planned").unwrap().extend(fields("src/domain/event.rs", "pub struct Before {"));
    told.get_mut("Started").unwrap().extend(fields("src/domain/governor/quota.rs", "pub struct Quota {"));
    for (lesson, fields) in items("src/domain/governor/mod.rs", "pub enum Lesson {") {
        told.get_mut("Learned").unwrap().extend(fields.into_iter().chain([snake(&lesson)]));
    }
    let mut summary = fields("src/view/summary.rs", "pub struct Summary {");
    summary.remove("event");
    summary.extend(fields("src/view/summary.rs", "\nstruct Line {"));
    summary.extend(fields("src/view/summary.rs", "pub struct ErrorGroup {"));
    told.insert("Summary".to_owned(), summary);
    let told: BTreeMap<_, _> = told.into_iter().map(|(name, fields)| (snake(&name), fields)).collect();
    let documented = rows(&page, "\n## Events\n");
    assert!(told.keys().eq(documented.keys()), "{:?}\n{:?}", told.keys(), documented.keys());
    for (event, fields) in told {
        let missing: Vec<_> = fields.difference(&documented[&event]).collect();
        assert!(missing.is_empty(), "{PAGE}: `{event}` has {missing:?} too: say what it is");
    }
}

#[test]
fn every_notice_and_every_field_of_it_is_documented() {
    let page = file(PAGE);
    let documented = rows(&page, "\n## Notices\n");
    let kinds: BTreeSet<String> = Kind::ALL.map(|kind| kind.word().to_owned()).into();
    assert!(kinds.iter().all(|kind| documented.contains_key(kind)), "{:?}", documented.keys());
    let example = page.lines().find(|line| line.starts_with("{\"v\":1") && line.contains("\"kind\"")).unwrap();
    let keys = |json: &str| {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    let notice = Notice::new(Kind::Start, Moment(0), ("", ""), (Health::Fine, ""), &Progress::default());
    assert_eq!(keys(&notice.json()), keys(example));
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_documented_with_its_own_words_and_nothing_else() {
    let page = file(PAGE);
    let texts = texts().await.concat();
    let mut table = BTreeSet::new();
    for help in texts.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, words) = help.split_once(' ').unwrap();
        let kind = texts.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        let sample = texts.lines().find(|line| line.starts_with(name)).unwrap();
        let labels = sample.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
        let labels: Vec<_> =
            labels.split(',').filter_map(|label| Some(format!("`{}`", label.split_once('=')?.0))).collect();
        let labels = labels.iter().map(|label| format!(" {label}")).collect::<Vec<_>>().join(",");
        table.insert(format!("| `{name}` | {kind} |{labels} | {words} |"));
    }
    let missing: Vec<_> = table.iter().filter(|row| !page.contains(row.as_str())).cloned().collect();
    assert!(missing.is_empty(), "{PAGE} needs these rows:\n{}", missing.join("\n"));
    let unknown: Vec<_> = named(&page).into_iter().filter(|name| *name != "chainfill_run_").collect();
    let told = names().await;
    let families: BTreeSet<_> =
        texts.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let unknown: Vec<_> =
        unknown.into_iter().filter(|name| !told.contains(name) && !families.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "{PAGE} names {unknown:?}, which nobody tells");
}
