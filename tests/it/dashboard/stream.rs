//! The stream of events, with clients of every temper.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chainfill::limits::LOOK_MS;
use serde_json::Value;

use super::{Served, fill, serving, vendor};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;

#[test]
fn events_are_numbered_versioned_and_the_same_for_all() {
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=20")));
    fill(&desk, &vendor);
    let (_program, served) = serving(&desk, &["--tz", "Asia/Hong_Kong"]);
    let mut streams = [served.events(), served.events()];
    let mut data = |at: usize, name: &str| -> (String, Value) {
        let stream = &mut streams[at];
        let mut id = String::new();
        while let Some(line) = stream.next() {
            if let Some(number) = line.strip_prefix("id: ") {
                number.clone_into(&mut id);
            }
            if line == format!("event: {name}") {
                let data = stream.next().unwrap();
                return (id, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap());
            }
        }
        panic!("the stream ended");
    };
    let (_, hello) = data(0, "hello");
    assert_eq!((&hello["v"], &hello["zone"]), (&1.into(), &"Asia/Hong_Kong".into()));
    let news: Vec<(String, Value)> = (0..3).map(|_| data(0, "status")).collect();
    assert!(news.windows(2).all(|pair| pair[0].0.parse::<u64>().unwrap() < pair[1].0.parse().unwrap()), "{news:?}");
    assert_eq!(news[0].1["verdict"]["health"], "done");
    // Whoever listens at the same time gets the same bytes.
    loop {
        let (id, theirs) = data(1, "status");
        match news.iter().find(|(number, _)| *number == id) {
            Some((_, mine)) => break assert_eq!(*mine, theirs),
            None => assert!(id.parse::<u64>().unwrap() < 1_000),
        }
    }
}

#[test]
fn nobody_looks_where_nobody_listens() {
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=20")));
    fill(&desk, &vendor);
    let (program, served) = serving(&desk, &[]);
    let ids = |served: Served| -> u64 {
        let line = served.events().find_map(|line| line.strip_prefix("id: ").map(str::to_owned)).unwrap();
        line.parse().unwrap()
    };
    let first = ids(served);
    // A look reads a file: the server has come to rest where it reads nothing for longer than a look apart.
    let reads = || std::fs::read_to_string(format!("/proc/{}/io", program.pid())).unwrap();
    let from = Instant::now();
    loop {
        let before = reads();
        std::thread::sleep(Duration::from_millis(LOOK_MS + LOOK_MS / 2));
        if reads() == before {
            break;
        }
        assert!(from.elapsed() < Duration::from_secs(15), "it looks while nobody listens");
    }
    assert!(ids(served) <= first + 4, "it looked while nobody listened");
}

/// The rate of a run, in options a second, over a stretch of it.
fn rate(desk: &Desk, vendor: &Simulated, clients: usize) -> f64 {
    let args = ["backfill", "BTC", "--max-rate", "100", "--dashboard", "127.0.0.1:0", "--quiet"];
    let store = format!("sqlite:{clients}.db");
    let args = [&args[..], &["--store", &store, "--api-url", &vendor.base_url]].concat();
    let mut run = desk.chainfill(&args).with_key().deadline_s(120).spawn();
    let served = Served::by(&mut run);
    // Half of them never take a byte.
    let mut streams: Vec<TcpStream> = Vec::new();
    for number in 0..clients {
        let mut stream = served.connect();
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {}\r\n\r\n", served.host()).unwrap();
        if number % 2 == 0 {
            let mut reader = stream.try_clone().unwrap();
            std::thread::spawn(move || {
                let mut bytes = [0; 1 << 14];
                while reader.read(&mut bytes).is_ok_and(|count| count > 0) {}
            });
        }
        streams.push(stream);
    }
    let (before, from) = (vendor.requests(), Instant::now());
    run.until("half of the run", || vendor.requests() >= before + 300);
    let took = from.elapsed();
    assert_eq!(served.get("/healthz").status, 200, "one more is served beside them");
    run.wait().expect_code(0);
    #[allow(clippy::cast_precision_loss)]
    let rate = 300.0 / took.as_secs_f64();
    rate
}

#[test]
fn slow_and_silent_clients_do_not_slow_a_run_down() {
    // F-W5; bench/dashboard measures by how much.
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor("BTC=500")));
    let alone = rate(&desk, &vendor, 0);
    let watched = rate(&desk, &vendor, 200);
    assert!(watched > alone * 0.8, "{watched:.1} options/s with two hundred clients, {alone:.1} without");
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    // F-I12
    let desk = Desk::new();
    let (_program, served) = serving(&desk, &[]);
    let mut silent = served.connect();
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    silent.write_all(b"GET / HT").unwrap();
    let from = Instant::now();
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    assert!(from.elapsed() < Duration::from_secs(25), "{:?}", from.elapsed());
}
