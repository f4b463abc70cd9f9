//! The command line: a command a file. Each turns its flags into calls of the layers below, and what they say
//! into words and an exit code.

mod backfill;
mod conduct;
mod dashboard;
mod demo;
mod failure;
mod missing;
mod notify;
mod orders;
mod pages;
mod plan;
mod retry;
mod screen;
mod serve;
mod shell;
mod status;
mod status_watch;
mod vendor;
mod verify;
mod views;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;

use crate::config::{API_URL_VARIABLE, STORE_DEFAULT, STORE_VARIABLE, Surroundings};
use crate::source::cryptodatadownload::BASE_URL;
use crate::store::{Lookout, Mode, Opened, Outside, StoreUrl};
pub use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
   0  complete
   1  unexpected
   2  usage
   3  finished, but some options need attention; verify: not complete
   4  the vendor cannot be reached, or speaks another language
   5  stopped at the limit as told; resumable, resume_after is printed
   6  stopped by request; resumable
   7  the key is refused
   8  the store cannot be used
  11  another run holds the store; one on another host was watched for up to half a minute";

/// Brings a vendor's complete option history home, and proves that nothing is missing.
#[derive(Debug, Parser)]
#[command(name = "chainfill", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command knows.
#[derive(Clone, Debug, Args)]
struct Common {
    /// The store: sqlite:PATH or postgres://USER@HOST/DATABASE
    #[arg(long, global = true, value_name = "URL", env = STORE_VARIABLE, hide_env_values = true)]
    store: Option<String>,

    /// The vendor's base URL; http:// to this machine only
    #[arg(long, global = true, value_name = "URL", env = API_URL_VARIABLE, hide_env_values = true)]
    api_url: Option<String>,

    /// Read the vendor's key from a file (else CRYPTODATADOWNLOAD_API_KEY, else .env)
    #[arg(long, global = true, value_name = "PATH")]
    key_file: Option<PathBuf>,

    /// Where the log goes; - for none
    #[arg(long, global = true, value_name = "PATH", default_value = "logs/full-backfill.log")]
    log_file: PathBuf,

    /// The form of the log
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// Say only what matters
    #[arg(long, short, global = true)]
    quiet: bool,

    /// Print JSON for machines
    #[arg(long, global = true)]
    json: bool,

    /// The time zone of what people read, such as Asia/Hong_Kong [default: the system's, or TZ]
    #[arg(long, global = true, value_name = "ZONE")]
    tz: Option<String>,

    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is listed, stored and missing, and the requests and time it will take
    Plan(plan::Plan),
    /// Fetch everything that is missing; safe to stop and start at any point
    Backfill(backfill::Backfill),
    /// Show what a run does, alive or dead; costs no request
    Status(status::Status),
    /// Watch a run on a full screen, from any terminal; keys pause, resume and stop it
    Watch(watch::Watch),
    /// Count what is missing, by currency
    Missing(missing::Missing),
    /// Prove from the store alone that nothing is missing
    Verify(verify::Verify),
    /// End the running backfill cleanly, and wait until it has
    Stop(orders::Stop),
    /// Let the running backfill send nothing until it is resumed
    Pause(orders::Pause),
    /// Let a paused backfill go on
    Resume(orders::Resume),
    /// Change the pace of the running backfill
    Pace(orders::PaceCommand),
    /// Put options back to pending, so that they are asked for again
    Retry(retry::Retry),
    /// Show a store in the browser, whether a run is at work on it or not
    Serve(serve::Serve),
    /// Run the whole job against the simulated vendor: no key, about a minute
    Demo(demo::Demo),
    /// Run the simulated vendor as a server of its own
    Vendor(Box<vendor::VendorCommand>),
    /// Print completions for a shell
    Completions(shell::Completions),
    /// Print the manual page
    Man,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print(); // a closed pipe is no reason to fail (P5)
            return ExitCode::from(code);
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli.common.color.apply();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::unexpected(&error).report(cli.common.json),
    };
    let json = cli.common.json;
    let done = runtime.block_on(run(cli));
    // A read that hangs (a name look-up, a dead disk) must not keep the process from ending.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(json),
    }
}

async fn run(cli: Cli) -> Result<u8, Failure> {
    let common = Context { surroundings: Surroundings::read(std::path::Path::new(".env"))?, common: cli.common };
    common.tz()?; // a slip of the pen there is told before anything is done
    match cli.command {
        Command::Plan(command) => command.run(&common).await,
        Command::Backfill(command) => command.run(&common).await,
        Command::Status(command) => command.run(&common).await,
        Command::Watch(command) => command.run(&common).await,
        Command::Missing(command) => command.run(&common).await,
        Command::Verify(command) => command.run(&common).await,
        Command::Stop(command) => command.run(&common).await,
        Command::Pause(command) => command.run(&common).await,
        Command::Resume(command) => command.run(&common).await,
        Command::Pace(command) => command.run(&common).await,
        Command::Retry(command) => command.run(&common).await,
        Command::Serve(command) => command.run(&common).await,
        Command::Demo(command) => command.run(&common).await,
        Command::Vendor(command) => command.run().await,
        Command::Completions(command) => Ok(command.run()),
        Command::Man => Ok(shell::man()),
    }
}

/// The common flags, completed by the environment and `.env`.
struct Context {
    common: Common,
    surroundings: Surroundings,
}

impl Context {
    fn store_url(&self) -> Result<StoreUrl, Failure> {
        let named = self.common.store.clone().or_else(|| self.surroundings.variable(STORE_VARIABLE));
        named.as_deref().unwrap_or(STORE_DEFAULT).parse().map_err(|error| Failure::usage(&error))
    }

    fn api_url(&self) -> String {
        let named = self.common.api_url.clone().or_else(|| self.surroundings.variable(API_URL_VARIABLE));
        named.unwrap_or_else(|| BASE_URL.to_owned())
    }

    /// A look at the store that changes nothing in it.
    fn lookout(&self) -> Result<Arc<dyn Outside>, Failure> {
        Ok(Arc::new(Lookout::new(self.store_url()?)))
    }

    /// The time zone of what people read.
    fn tz(&self) -> Result<TimeZone, Failure> {
        let Some(name) = &self.common.tz else { return Ok(TimeZone::system()) };
        TimeZone::get(name).map_err(|_| {
            Failure::usage(&format!("{} is no time zone", name.escape_debug()))
                .hint("write one like Asia/Hong_Kong, Europe/Berlin or UTC")
        })
    }

    async fn open(&self, mode: Mode) -> Result<Opened, Failure> {
        Ok(crate::store::open(&self.store_url()?, mode).await?)
    }
}

impl Color {
    fn apply(self) {
        match self {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_has_no_key_flag() {
        // F-I9
        Cli::command().debug_assert();
        let names: Vec<_> =
            Cli::command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
        assert!(!names.iter().any(|name| name == "key" || name == "api-key" || name == "token"), "{names:?}");
    }
}
