//! What a key does: it moves the person, or it is a wish that somebody else fulfils.

use super::Screen;
use super::place::{Place, Tab};
use super::seen::Seen;
use crate::domain::instrument::Currency;
use crate::domain::order::Order;

/// Rows that a page up or down moves.
const PAGE: isize = 10;

/// Paces that `+` and `-` step through, as the least time between two requests; 0 is none.
const PACES_MS: [i64; 11] = [10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 0];

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// An arrow.
    Up,
    /// See `Up`.
    Down,
    /// See `Up`.
    Left,
    /// See `Up`.
    Right,
    /// A page of rows.
    PageUp,
    /// See `PageUp`.
    PageDown,
    /// The first row.
    Home,
    /// The last row.
    End,
    /// Into what is chosen.
    Enter,
    /// Out of it.
    Esc,
    /// The next page.
    Tab,
    /// The page before.
    BackTab,
}

/// What the person wants that is not a matter of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To leave.
    Quit,
    /// To tell the run something.
    Order(Order),
}

impl Screen {
    /// Takes a key.
    pub fn press(&mut self, key: Key) -> Option<Wish> {
        let Screen { place, seen, .. } = self;
        // Whoever goes on has read it, and wants to see the keys again.
        place.note = None;
        if std::mem::take(&mut place.asks_stop) {
            return matches!(key, Key::Char('y' | 'Y')).then_some(Wish::Order(Order::Stop));
        }
        if std::mem::take(&mut place.helps) && key != Key::Char('q') {
            return None;
        }
        match key {
            Key::Char('q') => return Some(Wish::Quit),
            Key::Char('p') => return Some(Wish::Order(Order::Pause)),
            Key::Char('r') => return Some(Wish::Order(Order::Resume)),
            Key::Char('s') => place.asks_stop = true,
            Key::Char('?' | 'h') => place.helps = true,
            Key::Char('+' | '=') => return Some(faster(place, seen, true)),
            Key::Char('-') => return Some(faster(place, seen, false)),
            Key::Char(digit @ '1'..='5') => turn(place, Tab::ALL[usize::from(digit as u8 - b'1')]),
            Key::Tab => turn(place, place.tab.further(1)),
            Key::BackTab => turn(place, place.tab.further(Tab::ALL.len() - 1)),
            Key::Esc => leave(place),
            Key::Enter => enter(place, seen),
            Key::Left => other_currency(place, seen, false),
            Key::Right => other_currency(place, seen, true),
            Key::Up | Key::Char('k') => step(place, seen, -1),
            Key::Down | Key::Char('j') => step(place, seen, 1),
            Key::PageUp => step(place, seen, -PAGE),
            Key::PageDown => step(place, seen, PAGE),
            Key::Home => step(place, seen, isize::MIN),
            Key::End => step(place, seen, isize::MAX),
            Key::Char(_) => {}
        }
        None
    }
}

fn turn(place: &mut Place, tab: Tab) {
    (place.tab, place.story, place.scroll) = (tab, None, 0);
}

fn leave(place: &mut Place) {
    if place.story.take().is_none() {
        place.is_in_chain = false;
    }
    place.scroll = 0;
}

fn enter(place: &mut Place, seen: &Seen) {
    place.scroll = 0;
    match place.tab {
        Tab::Coverage if place.is_in_chain => {
            let Some((_, _, records)) = &seen.chain else { return };
            place.story = records.get(place.option_at(seen)).map(|record| record.symbol.clone());
        }
        Tab::Coverage => {
            // From here on the chosen one stays: the list must not change under the person.
            let at = place.expiry_at(seen);
            let Some(cover) = place.expiries(seen).get(at) else { return };
            (place.expiry, place.currency) = (Some(cover.expiry), place.currency_in(seen));
            (place.is_in_chain, place.option) = (true, None);
        }
        Tab::Log => {
            let line = seen.journal.get(place.request_at(seen));
            let named = line.filter(|line| matches!(line.kind.as_str(), "symbol" | "canary"));
            place.story = named.map(|line| crate::domain::instrument::Symbol::new(first_word(&line.query)));
        }
        Tab::Overview | Tab::Requests | Tab::Errors => {}
    }
}

/// `ETH-12APR24-3100-C` of `ETH-12APR24-3100-C +5000`: further pages have a number behind the name.
fn first_word(query: &str) -> &str {
    query.split(' ').next().unwrap_or(query)
}

fn other_currency(place: &mut Place, seen: &Seen, next: bool) {
    if place.tab != Tab::Coverage || place.is_in_chain || place.story.is_some() {
        return;
    }
    let Some(page) = &seen.page else { return };
    let known: Vec<&Currency> = page.tallies.iter().map(|one| &one.currency).collect();
    let Some(now) = place.currency_in(seen) else { return };
    let at = known.iter().position(|one| **one == now).unwrap_or(0);
    let to = if next { at + 1 } else { at + known.len() - 1 } % known.len().max(1);
    place.currency = known.get(to).map(|one| (*one).clone());
    place.expiry = None;
}

fn step(place: &mut Place, seen: &Seen, by: isize) {
    let moved = |at: usize, length: usize| at.saturating_add_signed(by).min(length.saturating_sub(1));
    if place.story.is_some() {
        let bars = seen.story.as_ref().map_or(0, |story| story.bars.len());
        place.scroll = moved(place.scroll, bars);
        return;
    }
    match place.tab {
        Tab::Coverage if place.is_in_chain => {
            let Some((_, _, records)) = &seen.chain else { return };
            let to = moved(place.option_at(seen), records.len());
            place.option = records.get(to).map(|record| record.symbol.clone());
        }
        Tab::Coverage => {
            let covers = place.expiries(seen);
            place.expiry = covers.get(moved(place.expiry_at(seen), covers.len())).map(|cover| cover.expiry);
            place.currency = place.currency_in(seen);
        }
        Tab::Log => {
            let to = moved(place.request_at(seen), seen.journal.len());
            // At the top it follows what is new.
            place.request = seen.journal.get(to).filter(|_| to > 0).map(|line| (line.epoch, line.seq));
        }
        Tab::Errors => place.scroll = moved(place.scroll, crate::limits::ERROR_GROUPS_MAX),
        Tab::Overview | Tab::Requests => {}
    }
}

/// The next pace; from the one that was ordered last where the run has not taken it yet.
fn faster(place: &mut Place, seen: &Seen, up: bool) -> Wish {
    let progress = seen.page.as_ref().and_then(|page| page.progress.as_ref());
    let now_ms = place.pace_ms.or_else(|| progress.map(|progress| progress.spacing_ms)).unwrap_or(0);
    let rate = |spacing_ms: i64| if spacing_ms <= 0 { i64::MAX } else { 1_000_000 / spacing_ms };
    let next = if up {
        PACES_MS.into_iter().find(|pace| rate(*pace) > rate(now_ms))
    } else {
        PACES_MS.into_iter().rev().find(|pace| rate(*pace) < rate(now_ms))
    };
    let spacing_ms = next.unwrap_or(now_ms);
    place.pace_ms = Some(spacing_ms);
    Wish::Order(Order::Pace { spacing_ms })
}
