use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::keys::{Key, Wish};
use super::stage::{HOSTILE, NOW, downloading, records, states, story};
use super::*;
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;

fn buffer(screen: &Screen, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(NOW, frame.area(), frame.buffer_mut())).unwrap();
    terminal.backend().buffer().clone()
}

fn text(screen: &Screen, width: u16, height: u16) -> String {
    let buffer = buffer(screen, width, height);
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(|y| row(y) + "\n").collect()
}

fn on(tab: Tab) -> Screen {
    let mut screen = downloading();
    screen.place.tab = tab;
    screen
}

fn told() -> Screen {
    let mut screen = on(Tab::Coverage);
    screen.seen.story = Some(story());
    screen.place.story = Some(story().record.symbol);
    screen
}

fn chained() -> Screen {
    let mut screen = on(Tab::Coverage);
    screen.place.is_in_chain = true;
    screen.place.expiry = Some(Some(jiff::civil::Date::constant(2024, 4, 12)));
    screen.place.option = Some(records()[2].symbol.clone());
    screen
}

#[test]
fn the_first_page_in_every_state() {
    // F-U5, F-X1
    for (name, screen) in states() {
        let mut all = String::new();
        for (width, height) in [(80, 24), (40, 24)] {
            all.extend([format!("-- {name}, {width} x {height}\n"), text(&screen, width, height)]);
        }
        insta::assert_snapshot!(format!("overview, {name}"), all);
    }
}

#[test]
fn the_first_page_on_large_screens() {
    for (name, screen) in states().into_iter().take(2) {
        insta::assert_snapshot!(format!("overview, {name}, 200 x 50"), text(&screen, 200, 50));
    }
    insta::assert_snapshot!("overview, 130 x 40", text(&downloading(), 130, 40));
}

#[test]
fn the_other_pages() {
    let mut asks = downloading();
    asks.place.asks_stop = true;
    let mut helps = downloading();
    helps.place.helps = true;
    let pages = [
        ("requests", on(Tab::Requests)),
        ("coverage", on(Tab::Coverage)),
        ("chain", chained()),
        ("story", told()),
        ("errors", on(Tab::Errors)),
        ("log", on(Tab::Log)),
        ("stop", asks),
        ("help", helps),
    ];
    for (name, screen) in pages {
        insta::assert_snapshot!(format!("page, {name}"), text(&screen, 80, 24));
    }
    insta::assert_snapshot!("page, story, 200 x 50", text(&told(), 200, 50));
}

#[test]
fn no_size_is_too_small_and_nothing_that_steers_a_terminal_is_drawn() {
    // F-U5, F-X1
    for (_, mut screen) in states() {
        for tab in Tab::ALL {
            for (is_in_chain, has_story) in [(false, false), (true, false), (false, true)] {
                (screen.place.tab, screen.place.is_in_chain) = (tab, is_in_chain);
                screen.place.story = has_story.then(|| Symbol::new(HOSTILE));
                screen.place.helps = has_story;
                for (width, height) in [(1, 1), (2, 3), (7, 4), (20, 9), (39, 12), (121, 30), (250, 70)] {
                    let drawn = text(&screen, width, height).replace('\n', "");
                    assert!(!drawn.chars().any(|c| c.is_control() || c == '\u{202e}'), "{drawn}");
                }
            }
        }
    }
}

#[test]
fn without_colour_there_is_none_and_in_ascii_nothing_else() {
    // F-U5
    for (name, mut screen) in states() {
        for tab in Tab::ALL {
            screen.place.tab = tab;
            screen.is_ascii = true;
            let drawn = buffer(&screen, 80, 24);
            for cell in drawn.content() {
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
                assert!(cell.symbol().is_ascii(), "{name}: {}", cell.symbol());
            }
        }
        screen.paint.color = true;
        assert!(buffer(&screen, 80, 24).content().iter().any(|cell| cell.fg != Color::Reset), "{name}");
    }
}

#[test]
fn a_store_that_does_not_answer_is_told() {
    let mut screen = downloading();
    screen.seen.at = NOW - 4_000;
    assert!(!text(&screen, 80, 24).contains("has not answered"));
    screen.seen.at = NOW - 12_000;
    assert!(text(&screen, 80, 24).contains("● The store has not answered for 12 s."));
}

#[test]
fn orders_are_wishes_and_a_stop_is_asked_for() {
    let mut screen = downloading();
    assert_eq!(screen.press(Key::Char('p')), Some(Wish::Order(Order::Pause)));
    assert_eq!(screen.press(Key::Char('r')), Some(Wish::Order(Order::Resume)));
    for (key, wish) in [
        (Key::Char('n'), None),
        (Key::Esc, None),
        (Key::Char('q'), None),
        (Key::Char('y'), Some(Wish::Order(Order::Stop))),
    ] {
        assert_eq!(screen.press(Key::Char('s')), None);
        assert!(screen.place.asks_stop);
        assert_eq!(screen.press(key), wish);
        assert!(!screen.place.asks_stop);
    }
    assert_eq!(screen.press(Key::Char('q')), Some(Wish::Quit));
}

#[test]
fn the_pace_goes_in_steps_from_the_one_that_was_ordered_last() {
    let mut screen = downloading(); // five a second
    let pace = |screen: &mut Screen, key| match screen.press(Key::Char(key)) {
        Some(Wish::Order(Order::Pace { spacing_ms })) => spacing_ms,
        other => panic!("{other:?}"),
    };
    let steps: Vec<_> = "+++++".chars().map(|key| pace(&mut screen, key)).collect();
    assert_eq!(steps, [100, 50, 20, 10, 0]);
    let steps: Vec<_> = "+--".chars().map(|key| pace(&mut screen, key)).collect();
    assert_eq!(steps, [0, 10, 20]);
    screen.place.pace_ms = None;
    let steps: Vec<_> = "------".chars().map(|key| pace(&mut screen, key)).collect();
    assert_eq!(steps, [500, 1_000, 2_000, 5_000, 10_000, 10_000]);
}

#[test]
fn from_the_map_into_an_expiry_into_an_option_and_back() {
    let mut screen = downloading();
    screen.press(Key::Char('3'));
    // Until somebody chooses, the map follows the run: the first expiry with something missing.
    assert_eq!(screen.place.expiry_at(&screen.seen), 40);
    screen.press(Key::Up);
    assert_eq!(screen.place.expiry_at(&screen.seen), 39);
    screen.press(Key::End);
    assert_eq!(screen.place.expiry, Some(None), "names that do not parse come last");
    screen.press(Key::Home);
    screen.press(Key::Enter);
    let need = screen.place.need(&screen.seen);
    assert_eq!(need.chain.map(|(_, expiry)| expiry), Some(Some(jiff::civil::Date::constant(2023, 4, 1))));
    screen.press(Key::Down);
    screen.press(Key::Enter);
    assert_eq!(screen.place.need(&screen.seen).story, Some(records()[1].symbol.clone()));
    screen.press(Key::Esc);
    assert!(screen.place.story.is_none() && screen.place.is_in_chain);
    screen.press(Key::Esc);
    assert!(!screen.place.is_in_chain);
    screen.press(Key::Char('5'));
    screen.press(Key::Down);
    let chosen = screen.place.request;
    screen.seen.journal.rotate_right(1);
    assert_eq!(screen.place.request_at(&screen.seen), 2, "the chosen one stays while others come");
    screen.press(Key::Enter);
    assert_eq!(screen.place.story, Some(Symbol::new("ETH-12APR24-3125-C")));
    assert_eq!(screen.place.request, chosen);
    screen.press(Key::Tab);
    assert_eq!((screen.place.tab, screen.place.story), (Tab::Overview, None));
}

#[test]
fn another_currency_is_another_map() {
    let mut screen = on(Tab::Coverage);
    assert_eq!(screen.place.currency_in(&screen.seen).map(|one| one.to_string()).as_deref(), Some("ETH"));
    screen.press(Key::Right);
    let need = screen.place.need(&screen.seen);
    assert_eq!(need.currency.map(|one| one.to_string()).as_deref(), Some("BTC"));
    assert!(text(&screen, 80, 24).contains("being read"));
    screen.press(Key::Left);
    assert_eq!(screen.place.need(&screen.seen).currency.map(|one| one.to_string()).as_deref(), Some("ETH"));
}
