//! Completions and the manual page, made from the command line itself.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::screen;

/// Print completions for a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub(super) fn run(&self) -> u8 {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "chainfill", &mut text);
        screen::print(&String::from_utf8_lossy(&text));
        0
    }
}

/// Prints the manual page: chainfill(1), with every command in it.
pub(super) fn man() -> u8 {
    let mut text = Vec::new();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut failed = clap_mangen::Man::new(command.clone()).render(&mut text).is_err();
    for sub in command.get_subcommands() {
        failed |= clap_mangen::Man::new(sub.clone()).render_description_section(&mut text).is_err();
        failed |= clap_mangen::Man::new(sub.clone()).render_synopsis_section(&mut text).is_err();
        failed |= clap_mangen::Man::new(sub.clone()).render_options_section(&mut text).is_err();
    }
    screen::print(&String::from_utf8_lossy(&text));
    u8::from(failed)
}
