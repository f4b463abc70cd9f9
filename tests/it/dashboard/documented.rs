//! docs/api.md says what the program does.

use super::{fill, serving, vendor};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;

const DOCS: &str = include_str!("../../../docs/api.md");
const ROUTES: &str = include_str!("../../../src/dashboard/mod.rs");

#[test]
fn every_route_and_every_field_of_the_status_is_documented() {
    for line in ROUTES.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
        let (path, rest) = line.split_once('"').unwrap();
        if ["/", "/assets/{*path}"].contains(&path) {
            continue;
        }
        let method = if rest.contains("post(") { "POST" } else { "GET" };
        let head = format!("## `{method} {}", path.split('{').next().unwrap());
        assert!(DOCS.contains(&head), "docs/api.md has no section {head}");
    }
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=20")));
    fill(&desk, &vendor);
    let (_program, served) = serving(&desk, &[]);
    let status = served.json("/api/status");
    let parts = [&status, &status["outlook"], &status["run"], &status["throttle"], &status["currencies"][0]];
    for name in parts.into_iter().flat_map(|part| part.as_object().unwrap().keys()) {
        let is_told = DOCS.contains(&format!("`{name}`")) || ["v", "at", "currency"].contains(&name.as_str());
        assert!(is_told, "docs/api.md does not say what `{name}` is");
    }
}
