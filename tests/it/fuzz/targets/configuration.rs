//! What people write into flags, variables and `.env`: taken and sane, or refused in words that hold no secret.

use std::cell::RefCell;
use std::path::PathBuf;

use chainfill::config::{KEY_VARIABLE, MaxRate, STORE_VARIABLE, Span, Surroundings};
use chainfill::dashboard::{Address, Token};
use chainfill::domain::instrument::Currency;
use chainfill::http::Http;
use chainfill::limits::{DASHBOARD_TOKEN_CHARS, RATE_PER_S_RANGE};
use chainfill::notify::target::Target;
use chainfill::redaction::Redaction;
use chainfill::store::StoreUrl;
use chainfill::vendor::faults::Faults;
use chainfill::vendor::throttle::Rate;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};

/// What an input holds where a secret belongs. It is long enough to be in no other word.
const SECRET: &str = "s3cr3t-0e1f2a3b4c5d";

pub const WORDS: &[&str] = &[
    SECRET,
    "CRYPTODATADOWNLOAD_API_KEY=",
    "CHAINFILL_STORE=",
    "CHAINFILL_API_URL=",
    "CHAINFILL_NOTIFY=",
    "export ",
    "\"",
    "'",
    "`",
    "\n",
    "\r\n",
    "#",
    "$",
    "${",
    "}",
    "\\",
    "\u{feff}",
    "Token ",
    "postgres://",
    "postgresql://",
    "sqlite:",
    "://",
    "user:",
    "@host",
    "/db",
    "?password=",
    "&sslmode=require",
    ":5432",
    ":99999",
    "%2F",
    "%",
    "%00",
    "https://",
    "http://",
    "127.0.0.1",
    "[::1]",
    "localhost",
    "?auth_token=",
    "#",
    "ntfy+https://",
    "slack+",
    "none",
    "0",
    "-1",
    "NaN",
    "inf",
    "1e308",
    "0.001",
    "10000",
    "90s",
    "1h30m",
    "P1D",
    "PT1H",
    "9223372036854775807h",
    "Asia/Hong_Kong",
    "UTC",
    "../../etc/passwd",
    "8787",
    "0.0.0.0",
    "800/hour",
    "s2=0.01",
    "all=1",
    "s5@100",
    "s6@500+",
    "BTC",
    "_USDC",
];

thread_local! {
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    flags(&text);
    secret_in_a_store(&text);
    secret_at_the_vendor(&text);
    file(data);
}

/// Values of flags.
fn flags(text: &str) {
    if let Ok(rate) = text.parse::<MaxRate>() {
        let most_ms = (1_000.0 / RATE_PER_S_RANGE.0).ceil();
        #[allow(clippy::cast_precision_loss)] // a thousand seconds
        let spacing_ms = rate.spacing_ms() as f64;
        assert!((0.0..=most_ms).contains(&spacing_ms), "{text}: {spacing_ms} ms between two requests");
        assert!(spacing_ms > 0.0 || text == "none", "{text} is no pace");
    }
    if let Ok(span) = text.parse::<Span>() {
        assert!(span.ms >= 0, "{text}");
    }
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address.clone()), "{text}");
        assert!(address.url(1).starts_with("http://"));
    }
    if let Ok(token) = text.parse::<Token>() {
        let (least, most) = DASHBOARD_TOKEN_CHARS;
        assert!((least..=most).contains(&text.len()) && token.is(text));
        assert!(!format!("{token:?}").contains(text), "a token is never shown");
    }
    if let Ok(currency) = text.parse::<Currency>() {
        assert_eq!(currency.as_str(), text);
    }
    if let Ok(faults) = text.parse::<Faults>() {
        assert_eq!(faults.to_string().parse::<Faults>().as_ref(), Ok(&faults), "{text}");
    }
    if let Ok(rate) = text.parse::<Rate>() {
        assert!(rate.window_ms > 0, "{text}");
    }
    let _ = TimeZone::get(text);
}

/// Whether the text has a part of the secret itself: a URL's reader may put parts together.
fn has_part_of_it(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRET.split('-').any(|half| text.contains(&half[..3]))
}

/// A line of the text.
fn part(text: &str, at: usize) -> &str {
    text.split('\n').nth(at).unwrap_or_default()
}

/// The same, without what ends one part of a URL and begins another: what comes behind it stays what it is.
fn inside(text: &str, at: usize) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-.%[]+ ".contains(c);
    part(text, at).chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// A password in a store's URL is never said, whatever stands around it.
fn secret_in_a_store(text: &str) {
    let urls = [
        text.to_owned(),
        format!("postgres://quant:{SECRET}{}@{}/{}", part(text, 0), part(text, 1), part(text, 2)),
        format!("postgres://quant@{}/{}?password={SECRET}{}", inside(text, 0), inside(text, 1), part(text, 2)),
        format!("{}://quant:{SECRET}@{}", inside(text, 0), part(text, 1)),
    ];
    for (at, url) in urls.iter().enumerate() {
        let told = match url.parse::<StoreUrl>() {
            Ok(store) => format!("{store} {store:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        // Only the last three hold a secret for certain, and where the text has it too it may stand where none belongs.
        if at > 0 && !has_part_of_it(text) && !url.starts_with("sqlite:") {
            assert!(!told.contains(SECRET), "{url} is told as {told}");
        }
    }
}

/// Nor is one in the vendor's URL, nor a target's, nor the key where an answer says it back.
fn secret_at_the_vendor(text: &str) {
    if has_part_of_it(text) {
        return;
    }
    for url in [
        format!("https://{SECRET}@{}/{}", inside(text, 0), part(text, 1)),
        format!("https://u:{SECRET}@{}/{}", inside(text, 0), part(text, 1)),
        format!("https://host/{}?auth_token={SECRET}{}", inside(text, 0), part(text, 1)),
    ] {
        if let Some(error) = refused(&url) {
            assert!(!error.contains(SECRET), "{url} is told as {error}");
        }
    }
    for target in [
        format!("https://host/{SECRET}{text}"),
        format!("https://u:{SECRET}@{text}"),
        format!("{text}+https://host/{SECRET}"),
    ] {
        let told = match Target::service(&target) {
            Ok(target) => format!("{target} {target:?}"),
            Err(error) => error.to_owned(),
        };
        assert!(!told.contains(SECRET), "{target} is told as {told}");
    }
    let key = SecretString::from(SECRET);
    let said = Redaction::of(Some(&key)).text(format!("{text}{SECRET}{text}"));
    assert!(!said.contains(SECRET), "{said}");
}

/// Why the vendor's URL is refused. One that is taken would set up TLS, which is slow: that is known of a good one.
fn refused(url: &str) -> Option<String> {
    let is_surely_taken = url.parse::<axum::http::Uri>().is_ok() && !url.contains(['@', '?', '#']);
    if is_surely_taken { None } else { Http::new(url, None, 1).err().map(|error| format!("{error} {error:?}")) }
}

/// A `.env`, and a file with a key.
fn file(data: &[u8]) {
    let path = FOLDER.with_borrow_mut(|folder| -> PathBuf {
        folder
            .get_or_insert_with(|| tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder"))
            .path()
            .join(".env")
    });
    std::fs::write(&path, data).expect("room for a file");
    let secret = memchr::memmem::find(data, SECRET.as_bytes()).is_some();
    match Surroundings::read(&path) {
        Ok(read) => {
            let _ = read.variable(STORE_VARIABLE);
            match read.key(None) {
                Ok(key) => assert!(key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())),
                Err(error) => assert!(!secret || !format!("{error} {error:?}").contains(SECRET), "{error}"),
            }
        }
        Err(error) => assert!(!secret || !format!("{error} {error:?}").contains(SECRET), "{error}"),
    }
    match Surroundings::default().key(Some(&path)) {
        Ok(key) => {
            let held = key.expose_secret();
            assert!(!held.is_empty() && held.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(data.starts_with(held.as_bytes()) && data.len() <= held.len() + 2, "another key than the file's");
        }
        Err(error) => assert!(!secret || !format!("{error} {error:?}").contains(SECRET), "{error}"),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let env = format!("# mine\n{KEY_VARIABLE}={SECRET}\nexport CHAINFILL_STORE=\"sqlite:a.db\"\nX='a b' # c\n");
    let quoted = format!("{KEY_VARIABLE}=\"{SECRET}\"\r\nCHAINFILL_NOTIFY=\"https://host/{SECRET} ntfy://x\"\n");
    let texts = [
        &env,
        &quoted,
        SECRET,
        "a1b2c3d4e5f6\n",
        "none",
        "5",
        "0.25",
        "1h30m",
        "PT1H30M",
        "127.0.0.1:8787",
        "[::1]:90",
        "nas.lan:1",
        "a-token-of-the-fuzzer",
        "Asia/Hong_Kong",
        "UTC",
        "BTC_USDC",
        "sqlite:data/chainfill.db",
        "data/chainfill.db",
        "postgres://quant@db.example:6432/crypto_data?sslmode=require",
        "mysql://x/y",
        "https://api.example/v1",
        "800/hour",
        "s2=0.01,all=0.1,s5@100,s6@500+",
        "db.example\ncrypto_data\nx",
        "%2Frun%2Fpg:6432\ncrypto\nsslmode=disable",
    ];
    texts.into_iter().map(|text| text.as_bytes().to_vec()).collect()
}
