//! The flags that say who is told how a backfill goes.

use std::sync::Arc;

use clap::Args;

use super::views::note;
use super::{Context, Failure};
use crate::clock::{Clock, SystemClock};
use crate::config::{DASHBOARD_TOKEN_VARIABLE, KEY_VARIABLE, NOTIFY_VARIABLE, Span};
use crate::limits::NOTICE_TARGETS_MAX;
use crate::notify::target::Target;
use crate::notify::{self, Farewell, Notify, Patience, Setup};
use crate::view::live::Beside;

/// Who is told.
#[derive(Clone, Debug, Args)]
pub(super) struct NotifyFlags {
    /// Tell a webhook, ntfy, Slack, Discord or healthchecks.io of the start, milestones, long cooldowns, worries and
    /// the end; may be repeated. Else CHAINFILL_NOTIFY, from .env too, because such a URL is a secret
    #[arg(long = "notify", value_name = "URL")]
    urls: Vec<String>,

    /// Run a command for each notice, with CHAINFILL_NOTICE_KIND, _TITLE, _TEXT, … and JSON on its input
    #[arg(long = "notify-command", value_name = "CMD")]
    command: Option<String>,

    /// Tell of cooldowns at least so long
    #[arg(long = "notify-cooldown", value_name = "DURATION", default_value = "15m")]
    cooldown: Span,
}

impl NotifyFlags {
    /// The view that tells them; `None` where nobody is to be told.
    pub(super) fn view(
        &self,
        targets: Vec<Target>,
        context: &Context,
        host: &str,
        beside: Option<Beside>,
    ) -> Result<Option<(Notify, Farewell)>, Failure> {
        if targets.is_empty() {
            return Ok(None);
        }
        let clock = SystemClock::start();
        let setup = Setup {
            targets,
            host: host.to_owned(),
            tz: context.tz()?,
            cooldown_ms: self.cooldown.ms,
            patience: Patience::default(),
            now: Box::new(move || clock.now()),
            tell: Arc::new(move |line: &str| note(beside.as_ref(), line)),
        };
        notify::start(setup).map(Some).map_err(|why| Failure::unexpected(&format!("--notify: {why}")))
    }

    /// Who they are; refused before anything is made or sent where one cannot be meant.
    pub(super) fn targets(&self, context: &Context) -> Result<Vec<Target>, Failure> {
        let listed = context.surroundings.variable(NOTIFY_VARIABLE).filter(|_| self.urls.is_empty());
        let (from, urls) = match &listed {
            Some(listed) => (NOTIFY_VARIABLE, listed.split_whitespace().collect()),
            None => ("--notify", self.urls.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        let mut targets = Vec::new();
        for (at, url) in (1..).zip(urls) {
            let place = if at == 1 { String::new() } else { format!(" (the one at place {at})") };
            // The URL is not quoted: it may be a password, mistyped or not.
            let target = Target::service(url).map_err(|why| Failure::usage(&format!("{from}{place}: {why}")))?;
            targets.push(target);
        }
        // A command is somebody else's program: it gets no secret of this one.
        let hidden = vec![KEY_VARIABLE, NOTIFY_VARIABLE, DASHBOARD_TOKEN_VARIABLE];
        targets.extend(self.command.clone().map(|line| Target::Command { line, hidden }));
        if targets.len() > NOTICE_TARGETS_MAX {
            return Err(Failure::usage(&format!("at most {NOTICE_TARGETS_MAX} can be notified")));
        }
        Ok(targets)
    }
}
