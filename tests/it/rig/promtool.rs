//! Prometheus' own tool, which knows its formats better than any test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where it is: named by a variable, in the folder that scripts/prepare fills, or in PATH.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("CHAINFILL_PROMTOOL") {
        return named.into();
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/promtool");
    if own.exists() { own } else { "promtool".into() }
}

/// Runs it in a folder, with something on its standard input; fails with all that it says where it finds a fault.
pub fn promtool(folder: &Path, args: &[&str], input: &str) {
    let mut command = Command::new(program());
    command.args(args).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool: run scripts/prepare, which says what is missing");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads its input");
    let out = child.wait_with_output().expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "promtool {args:?}:\n{said}\n{input}");
}
