//! A pooler in transaction mode between: two transactions of a run may meet two of the server's sessions.

use std::time::Duration;

use chainfill::vendor::Settings;
use tokio_postgres::NoTls;

use crate::crash::crowd::one_of;
use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::seed;
use crate::rig::pgbouncer::PgBouncer;
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;
use crate::rig::proxy::Proxy;
use crate::rig::proxy_postgres::Scissors;
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Exit code: the store cannot be used.
const STORE: i32 = 8;

fn settings() -> Settings {
    Settings { latency_ms: 3, ..small("BTC=110,ETH=90") }
}

#[test]
fn of_two_and_of_fifty_runners_through_a_pooler_one_proceeds() {
    // F-P9, F-P8, F-I7
    let pg = Postgres::start();
    for mode in ["transaction", "session"] {
        let pooler = PgBouncer::start(&pg, mode);
        // By session each client keeps one of the server's sessions: more runners than those would wait for ever.
        for runners in if mode == "transaction" { &[2, 50][..] } else { &[2][..] } {
            one_of(*runners, &Desk::new(), &pooler.through(&pg, &pg.database()));
        }
    }
}

#[test]
fn through_a_pooler_others_statements_and_settings_are_left_alone() {
    // F-P9, F-I2: a named COMMIT could be another client's statement of that name, and be answered without an error.
    let pg = Postgres::start();
    let pooler = PgBouncer::start(&pg, "transaction");
    let url = pg.database();
    let pooled = pooler.through(&pg, &url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Names as the driver gives them, on every session of the pool, and all of them harmless where they are run.
    let clients: Vec<_> = (0..3).map(|_| runtime.block_on(tokio_postgres::connect(&pooled, NoTls)).unwrap()).collect();
    let (clients, drivers): (Vec<_>, Vec<_>) = clients.into_iter().unzip();
    for driver in drivers {
        runtime.spawn(driver);
    }
    runtime.block_on(async {
        for client in &clients {
            client.batch_execute("BEGIN").await.unwrap();
        }
        for client in &clients {
            for number in 0..60 {
                client.batch_execute(&format!("PREPARE s{number} AS SELECT 1")).await.unwrap();
            }
        }
        for client in &clients {
            client.batch_execute("COMMIT").await.unwrap();
        }
    });
    let vendor = Simulated::start(settings());
    let desk = Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &pooled];
    let mut running = desk.chainfill(&args).with_key().deadline_s(120).spawn();
    while running.lives_for(Duration::from_millis(20)) {
        let other = Desk::new();
        let status = other.chainfill(&["status", "--store", &pooled]).run();
        assert!(matches!(status.code, Some(0 | 5)) || status.err.contains("no archive"), "{}", status.err);
    }
    running.wait().expect_code(0);
    desk.chainfill(&["verify", "--store", &pooled]).ends_with(0);
    let loss = Archive::Postgres(&pg, url).compare(&vendor);
    assert_eq!(loss, Loss::default());
    // What holds for a run stays with nobody else.
    runtime.block_on(async {
        for client in &clients {
            client.batch_execute("BEGIN").await.unwrap();
        }
        for client in &clients {
            let sql = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name IN \
                       ('enable_seqscan', 'jit', 'plan_cache_mode', 'lock_timeout', 'idle_in_transaction_session_timeout')";
            let set = client.simple_query(sql).await.unwrap();
            let rows = set.iter().filter(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_)));
            assert_eq!(rows.count(), 0, "{set:?}");
        }
    });
}

#[test]
fn cut_before_a_pooler_nothing_is_lost_or_doubled() {
    // F-P9, F-B2, F-I2, F-I3
    let pg = Postgres::start();
    let pooler = PgBouncer::start(&pg, "transaction");
    let archive = Archive::Postgres(&pg, pg.database());
    let vendor = Simulated::start(settings());
    let scissors = Scissors::new(seed("cut before a pooler"), 6);
    let course = scissors.clone();
    let proxy = Proxy::start(pooler.port(), move |_| course.course());
    let store = proxy.through(&pooler.through(&pg, &archive.url()));
    let desk = Desk::new();
    let mut torn = 0;
    loop {
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &store];
        let ended = desk.chainfill(&args).with_key().deadline_s(120).run();
        torn += archive.torn();
        if ended.code != Some(STORE) || !ended.err.contains("cannot be reached") {
            ended.expect_code(0);
            break;
        }
    }
    assert!(scissors.made().iter().filter(|(at, _)| at.is_at_commit()).count() > 2, "{:?}", scissors.made());
    assert_eq!(torn, 0, "a cut left half a commit");
    assert_eq!(archive.compare(&vendor), Loss::default());
}
