//! The key as a canary: whatever was given to a program must be found nowhere afterwards but where it was put (I9).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use chainfill::limits::KEY_BYTES_REDACTED_MIN;

use super::lock;

/// Where a person puts the key.
const PUT_THERE: &str = ".env";

/// The key of this test: another one each time, with characters that look otherwise in a URL.
pub fn key() -> &'static str {
    static KEY: LazyLock<String> =
        LazyLock::new(|| format!("canary+{:016x}/%={:04x}", fastrand::u64(..), fastrand::u16(..)));
    &KEY
}

/// A key and the forms in which it could leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    forms: Vec<Vec<u8>>,
}

/// Those of all programs of this test: what several of them share, a server of PostgreSQL, is searched for each.
static GIVEN: Mutex<Vec<Canary>> = Mutex::new(Vec::new());

/// Where one of them was heard by a thread that cannot fail its test by itself.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A key is given to a program. A short one is no secret, and in every number; it is not taken out of answers either.
pub fn given(key: &str) {
    if key.len() < KEY_BYTES_REDACTED_MIN {
        return;
    }
    let canary = Canary::of(key);
    let mut given = lock(&GIVEN);
    if !given.contains(&canary) {
        given.push(canary);
    }
}

/// Listens to what is said in a place. [`none_heard`] tells what was heard.
pub fn listen(place: &str, bytes: &[u8]) {
    if lock(&GIVEN).iter().any(|canary| canary.is_in(bytes)) {
        lock(&HEARD).push(format!("{place}: {}", String::from_utf8_lossy(bytes)));
    }
}

/// None of the keys that were given was heard, and none is in any file of that folder.
pub fn none_in(folder: &Path) {
    let found = lock(&GIVEN).iter().flat_map(|canary| canary.files_with(folder)).collect::<Vec<_>>();
    lock(&HEARD).extend(found);
    none_heard();
}

/// None of the keys that were given was heard.
pub fn none_heard() {
    let heard: Vec<String> = lock(&HEARD).iter().take(3).cloned().collect();
    // One panic is enough where the test has failed already.
    assert!(heard.is_empty() || std::thread::panicking(), "the key is in {heard:?}");
}

/// Whether there is anything to listen for.
pub fn is_given() -> bool {
    !lock(&GIVEN).is_empty()
}

/// What goes to a vendor, a database, or comes from them, but for the one header in which the key belongs.
pub fn listen_to_link(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        if !line.to_ascii_lowercase().starts_with(b"authorization: ") {
            listen("a link, beside its header", line);
        }
    }
}

/// Every process's command line, as every user of the machine may read it.
pub fn listen_to_processes() {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        listen("a command line", &fs::read(entry.path().join("cmdline")).unwrap_or_default());
    }
}

impl Canary {
    /// The key itself, percent-encoded, and the middle of its base64 at each of the three places it can stand at.
    pub fn of(key: &str) -> Canary {
        let mut forms = vec![key.as_bytes().to_vec(), percent(key).into_bytes()];
        for before in 0..3 {
            let padded = [vec![b' '; before], key.as_bytes().to_vec()].concat();
            let text = base64(&padded);
            // What its neighbours have a part in says nothing: the first group where something stands before, the last one.
            let from = if before == 0 { 0 } else { 4 };
            forms.push(text.as_bytes()[from..text.len() - 4].to_vec());
        }
        forms.dedup();
        Canary { forms }
    }

    /// Whether it sings in there.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| memchr::memmem::find(bytes, form).is_some())
    }

    /// The files of a folder that hold it, those apart into which a person puts it. One that cannot be read may hold it.
    pub fn files_with(&self, folder: &Path) -> Vec<String> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => return vec![format!("{}, which cannot be read: {error}", folder.display())],
        };
        let mut found = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                found.extend(self.files_with(&path));
            } else if path.is_file() && path.file_name().is_some_and(|name| name != PUT_THERE) {
                match fs::read(&path) {
                    Ok(bytes) if !self.is_in(&bytes) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {} // gone meanwhile
                    _ => found.push(path.display().to_string()),
                }
            }
        }
        found
    }
}

fn percent(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[test]
fn a_canary_is_heard_in_each_of_its_forms() {
    // F-I9
    let canary = Canary::of("a secret/key+0123");
    for leak in [
        "key=a secret/key+0123;",
        "?k=a%20secret%2Fkey%2B0123",
        "xYSBzZWNyZXQva2V5KzAxMjM=",
        "eGEgc2VjcmV0L2tleSswMTIz",
    ] {
        assert!(canary.is_in(leak.as_bytes()), "{leak}");
    }
    assert!(!canary.is_in(b"a secret/key+01"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chainfill.log"), "the key is a secret/key+0123").unwrap();
    fs::write(folder.path().join(PUT_THERE), "KEY=a secret/key+0123").unwrap();
    assert_eq!(canary.files_with(folder.path()).len(), 1);
}
