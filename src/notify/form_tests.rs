use std::fmt::Write as _;

use super::*;
use crate::domain::health::Health;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::notify::notice::Run;

const AT: Moment = Moment(1_761_453_200_000);

fn notice(kind: Kind, ending: Option<Ending>) -> Notice {
    let is_bad = kind == Kind::Worry || ending.is_some_and(|ending| ending == Ending::Key);
    let health = if is_bad { Health::Worry } else { Health::Fine };
    let words = ("BTC_USDC *50 %* Ä", "<!channel> & @everyone: `BTC_USDC-1JAN24-1-C`\u{202e}\n100 of 200.");
    let notice = Notice::new(kind, AT, words, (health, "…"), &Progress::default());
    Notice { ending, ..notice }.of(&Run { epoch: 3, pid: 15901, host: "nas".into() }, "sqlite:chainfill.db")
}

#[test]
fn a_form_is_known_by_its_host_or_said() {
    let form = |text: &str| Form::read(text).map(|(form, url)| (form, url.to_string()));
    let known = |form: Form, url: &str| Ok((form, url.to_owned()));
    assert_eq!(form("https://ntfy.sh/topic"), known(Form::Ntfy, "https://ntfy.sh/topic"));
    assert_eq!(form("https://hooks.slack.com/services/a"), known(Form::Slack, "https://hooks.slack.com/services/a"));
    assert_eq!(
        form("https://discord.com/api/webhooks/1/a"),
        known(Form::Discord, "https://discord.com/api/webhooks/1/a")
    );
    assert_eq!(form("https://discord.com/other"), known(Form::Webhook, "https://discord.com/other"));
    assert_eq!(form("https://hc-ping.com/uuid"), known(Form::Healthchecks, "https://hc-ping.com/uuid"));
    assert_eq!(form("http://127.0.0.1:9/x"), known(Form::Webhook, "http://127.0.0.1:9/x"));
    assert_eq!(form("https://ntfy.sh.example/x"), known(Form::Webhook, "https://ntfy.sh.example/x"));
    assert_eq!(form("ntfy+https://my.host/topic"), known(Form::Ntfy, "https://my.host/topic"));
    assert_eq!(form("slack+http://my.host/x"), known(Form::Slack, "http://my.host/x"));
    assert_eq!(form("discord+https://my.host/x"), known(Form::Discord, "https://my.host/x"));
    assert_eq!(form("healthchecks+https://my.host/ping/x"), known(Form::Healthchecks, "https://my.host/ping/x"));
    assert_eq!(form("webhook+https://ntfy.sh/x"), known(Form::Webhook, "https://ntfy.sh/x"));
    for bad in ["", "ntfy.sh/topic", "mailto:me@example", "file:///etc/passwd", "mattermost+https://x/"] {
        assert!(form(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_form_of_a_milestone_with_hostile_words() {
    // F-X1
    let mut text = String::new();
    for form in [Form::Webhook, Form::Ntfy, Form::Slack, Form::Discord, Form::Healthchecks] {
        let url = Url::parse("https://my.host/a/b/?create=1").unwrap();
        let message = form.message(&url, &notice(Kind::Milestone, None));
        writeln!(text, "-- {form:?}\nPOST {}", message.url).unwrap();
        for (name, value) in &message.headers {
            writeln!(text, "{name}: {value}").unwrap();
        }
        writeln!(text, "\n{}\n", message.body).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_check_starts_logs_fails_and_succeeds() {
    let url = Url::parse("https://hc-ping.com/uuid").unwrap();
    let path = |kind, ending| Form::Healthchecks.message(&url, &notice(kind, ending)).url.path().to_owned();
    assert_eq!(path(Kind::Start, None), "/uuid/start");
    for kind in [Kind::Milestone, Kind::Cooldown, Kind::Fine] {
        assert_eq!(path(kind, None), "/uuid/log");
    }
    assert_eq!(path(Kind::Worry, None), "/uuid/fail");
    for ending in [Ending::Complete, Ending::Stopped, Ending::Limit] {
        assert_eq!(path(Kind::Ended, Some(ending)), "/uuid", "{ending:?}");
    }
    for ending in [Ending::Attention, Ending::Key, Ending::Vendor, Ending::Store, Ending::Failed] {
        assert_eq!(path(Kind::Ended, Some(ending)), "/uuid/fail", "{ending:?}");
    }
}

#[test]
fn what_is_urgent_rings_louder() {
    let url = Url::parse("https://ntfy.sh/topic").unwrap();
    let header = |kind, ending, name: &str| {
        let message = Form::Ntfy.message(&url, &notice(kind, ending));
        message.headers.into_iter().find(|(its, _)| *its == name).map(|(_, value)| value).unwrap()
    };
    assert_eq!(header(Kind::Start, None, "priority"), "low");
    assert_eq!(header(Kind::Done, Some(Ending::Complete), "priority"), "default");
    assert_eq!(header(Kind::Worry, None, "priority"), "high");
    assert_eq!(header(Kind::Ended, Some(Ending::Key), "tags"), "rotating_light");
    assert_eq!(header(Kind::Ended, Some(Ending::Stopped), "tags"), "checkered_flag");
    let tags: std::collections::BTreeSet<String> = Kind::ALL.map(|kind| header(kind, None, "tags")).into();
    assert_eq!(tags.len(), Kind::ALL.len());
}

#[test]
fn a_notice_fits_every_service_however_long_its_words_are() {
    let url = Url::parse("https://my.host/").unwrap();
    let long = "*".repeat(100_000);
    let notice = Notice::new(Kind::Worry, AT, (&long, &long), (Health::Worry, &long), &Progress::default());
    let body: serde_json::Value = serde_json::from_str(&Form::Discord.message(&url, &notice).body).unwrap();
    assert!(body["content"].as_str().unwrap().chars().count() <= 2_000);
}
