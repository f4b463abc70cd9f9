//! What colours stand for. Without colour, weight and reversal still tell; no meaning hangs on a colour alone.

use ratatui::style::{Color, Modifier, Style};

use crate::domain::health::Health;
use crate::domain::ledger::OptionState;

/// How the screen is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    /// Whether in colour.
    pub color: bool,
}

impl Paint {
    fn fg(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    /// What is as it should be.
    pub fn good(self) -> Style {
        self.fg(Color::Green)
    }

    /// What is under way.
    pub fn busy(self) -> Style {
        self.fg(Color::Cyan)
    }

    /// What waits, or should be looked at when there is time.
    pub fn wait(self) -> Style {
        self.fg(Color::Yellow)
    }

    /// What is wrong.
    pub fn bad(self) -> Style {
        self.fg(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What stands back. Not in grey: in many a terminal's colours that is the background.
    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What stands out.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Where the person is.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A verdict.
    pub fn health(self, health: Health) -> Style {
        let style = match health {
            Health::Fine | Health::Done => self.good(),
            Health::Worry => self.bad(),
            Health::Idle => self.wait(),
        };
        style.add_modifier(Modifier::BOLD)
    }

    /// An option's state.
    pub fn state(self, state: OptionState) -> Style {
        match state {
            OptionState::Stored => self.good(),
            OptionState::Empty => self.dim(),
            OptionState::Pending => self.busy(),
            OptionState::Attention => self.bad(),
        }
    }
}
