//! What a notice looks like to each kind of service. Pure: a notice goes in, a message comes out.

use reqwest::Url;
use serde_json::json;

use super::notice::{Kind, Notice};
use crate::domain::run::Ending;

/// Who is behind a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Anybody who takes the notice as JSON.
    Webhook,
    /// An ntfy topic.
    Ntfy,
    /// A Slack incoming webhook.
    Slack,
    /// A Discord webhook.
    Discord,
    /// A healthchecks.io check: a start, log lines, a failure or a success.
    Healthchecks,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub url: Url,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: String,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

impl Form {
    /// From what a person wrote: `https://ntfy.sh/topic` is known by its host, `ntfy+https://my.host/topic` says it.
    ///
    /// # Errors
    /// In words that do not hold the URL: its path is as good as a password.
    pub fn read(text: &str) -> Result<(Form, Url), &'static str> {
        const OTHERWISE: &str = "write http:// or https://, or say the form: webhook+, ntfy+, slack+, discord+ or \
                                 healthchecks+ in front of it";
        let said = [
            ("webhook+", Form::Webhook),
            ("ntfy+", Form::Ntfy),
            ("slack+", Form::Slack),
            ("discord+", Form::Discord),
            ("healthchecks+", Form::Healthchecks),
        ];
        let said = said.into_iter().find_map(|(head, form)| Some((form, text.strip_prefix(head)?)));
        let (said, rest) = said.map_or((None, text), |(form, rest)| (Some(form), rest));
        let url = Url::parse(rest).map_err(|_| "it is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OTHERWISE);
        }
        Ok((said.unwrap_or_else(|| Form::behind(&url)), url))
    }

    fn behind(url: &Url) -> Form {
        match url.host_str().unwrap_or_default() {
            "ntfy.sh" => Form::Ntfy,
            "hooks.slack.com" => Form::Slack,
            "discord.com" | "discordapp.com" if url.path().starts_with("/api/webhooks/") => Form::Discord,
            "hc-ping.com" => Form::Healthchecks,
            _ => Form::Webhook,
        }
    }

    /// A notice for this one.
    pub fn message(self, url: &Url, notice: &Notice) -> Message {
        let mut url = url.clone();
        let (headers, body) = match self {
            Form::Webhook => (vec![owned(JSON)], notice.json()),
            Form::Ntfy => (ntfy(notice), notice.text.clone()),
            Form::Slack => {
                let text = format!("{}\n{}", notice.title, notice.text);
                // Three characters are markup to Slack even where markup is off: `<!channel>` would ring everybody.
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                (vec![owned(JSON)], json!({ "text": text, "mrkdwn": false }).to_string())
            }
            Form::Discord => {
                let content = format!("**{}**\n{}", plain(&notice.title), plain(&notice.text));
                // Nobody is rung by a name: `@everyone`.
                (vec![owned(JSON)], json!({ "content": content, "allowed_mentions": { "parse": [] } }).to_string())
            }
            Form::Healthchecks => {
                if let Some(signal) = signal(notice) {
                    let path = format!("{}/{signal}", url.path().trim_end_matches('/'));
                    url.set_path(&path);
                }
                (vec![owned(TEXT)], format!("{}\n{}", notice.title, notice.text))
            }
        };
        Message { url, headers, body }
    }
}

fn owned((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

fn ntfy(notice: &Notice) -> Vec<(&'static str, String)> {
    let priority = match notice.kind {
        _ if notice.is_urgent() => "high",
        Kind::Start | Kind::Milestone | Kind::Cooldown => "low",
        Kind::Worry | Kind::Fine | Kind::Done | Kind::Ended => "default",
    };
    let tag = match notice.kind {
        Kind::Start => "arrow_forward",
        Kind::Milestone => "chart_with_upwards_trend",
        Kind::Cooldown => "hourglass",
        Kind::Worry => "warning",
        Kind::Fine => "white_check_mark",
        Kind::Done => "tada",
        Kind::Ended if notice.is_urgent() => "rotating_light",
        Kind::Ended => "checkered_flag",
    };
    let own = [("title", notice.title.as_str()), ("priority", priority), ("tags", tag)];
    std::iter::once(TEXT).chain(own).map(owned).collect()
}

/// What a check is told: a run that ended as told is a success, whatever it left; `None` says that.
fn signal(notice: &Notice) -> Option<&'static str> {
    match (notice.kind, notice.ending) {
        (Kind::Start, _) => Some("start"),
        (Kind::Milestone | Kind::Cooldown | Kind::Fine, _) => Some("log"),
        (Kind::Worry, _) => Some("fail"),
        (Kind::Done | Kind::Ended, Some(Ending::Complete | Ending::Stopped | Ending::Limit)) => None,
        (Kind::Done | Kind::Ended, _) => Some("fail"),
    }
}

/// With what Discord reads as markup made plain: `BTC_USDC` and the like.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if r"\*_~`|>#[]<".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
