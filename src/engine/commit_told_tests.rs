//! What a commit tells of options, and what an order knows of those that are on their way.

use super::*;

#[tokio::test]
async fn what_became_of_an_option_is_told_when_it_is_written() {
    // F-I2, F-S20
    use OptionState::{Attention, Empty, Pending, Stored};
    let mut stage = stage(4).await;
    let names: Vec<Symbol> = (0..4).map(name).collect();
    stage.run.scope.is_planned = true;
    let write = async |stage: &mut Stage, news: Vec<OptionNews>| {
        stage.run.batch.options = news;
        stage.start();
        assert_eq!(stage.told(), [], "it is not written yet");
        stage.finish().await;
        stage.told()
    };
    let first = vec![
        news(&names[0], Happening::Bars, vec![bar(1, 10), bar(2, 20)]),
        news(&names[1], no_bars(&names[1]), Vec::new()),
        news(&names[2], Happening::GivenUp("HTTP 500".into()), Vec::new()),
    ];
    let told = write(&mut stage, first).await;
    let done = |told: &[Event]| -> Vec<OptionDone> {
        let done = |event: &Event| if let Event::Stored(done) = event { Some((**done).clone()) } else { None };
        told.iter().filter_map(done).collect()
    };
    let short = |done: &OptionDone| (done.was, done.state, done.rows, done.inserted, done.flagged, done.reason.clone());
    assert_eq!(
        done(&told).iter().map(short).collect::<Vec<_>>(),
        [
            (Pending, Stored, 2, 2, 2, None),
            (Pending, Empty, 0, 0, 0, None),
            (Pending, Attention, 0, 0, 0, Some("HTTP 500".to_owned())),
        ]
    );
    let put_back = |told: &[Event]| told.iter().any(|event| matches!(event, Event::PutBack { options: 1, .. }));
    assert!(!put_back(&told));
    assert_eq!(stage.run.records[0].state, Stored, "the run knows what the store knows");
    assert!(stage.run.witnesses.has_known(), "one that was answered with bars");
    let told = write(&mut stage, vec![news(&names[0], Happening::Bars, vec![bar(1, 11), bar(2, 20)])]).await;
    assert!(matches!(&told[0], Event::Revised { symbol, old, new } if *symbol == names[0] && old != new), "{told:?}");
    let again = &done(&told)[0];
    assert_eq!((again.was, again.revised, again.unchanged, again.inserted), (Stored, 1, 1, 0));
    write(&mut stage, vec![news(&names[0], no_bars(&names[0]), Vec::new())]).await;
    assert!(!stage.run.witnesses.has_known(), "its last answer held nothing");
    let told = write(&mut stage, vec![news(&names[2], Happening::PutBack, Vec::new())]).await;
    assert_eq!((done(&told)[0].reason.clone(), stage.run.records[2].state), (None, Pending));
    assert!(put_back(&told), "it is asked for again");
}

fn retry(symbol: &Symbol) -> Order {
    Order::Retry(Which { symbols: vec![symbol.to_string()], ..Which::default() })
}

#[tokio::test]
async fn an_order_to_ask_again_knows_what_is_not_written_yet() {
    // F-I8, F-B11: given up, and put back by an order before it: in the next batch, and in the one on its way
    for under_way in [false, true] {
        let mut stage = stage(1).await;
        stage.run.listing = None;
        stage.run.queue = Queue::default(); // the listing is known
        stage.run.plan();
        assert_eq!(stage.run.queue.take(T0).map(|work| work.ask.label()), Some(name(0).to_string()));
        stage.run.batch = Batch::default();
        stage.run.batch.options = vec![news(&name(0), Happening::GivenUp("HTTP 500".into()), Vec::new())];
        if under_way {
            stage.start();
        }
        stage.run.obey(Ok(vec![(1, retry(&name(0)))]));
        let put_back = |batch: &Batch| batch.options.iter().filter(|news| news.happening == Happening::PutBack).count();
        assert_eq!(put_back(&stage.run.batch), 1, "it would need attention a moment later");
        if under_way {
            stage.finish().await;
        }
        stage.start();
        stage.run.obey(Ok(vec![(2, retry(&name(0)))]));
        assert_eq!(put_back(&stage.run.batch), 0, "it is put back already");
        stage.finish().await;
        assert_eq!(stage.run.records[0].state, OptionState::Pending);
        assert_eq!((stage.run.queue.len(), stage.run.scope.open_count()), (1, 1), "it is asked for once more");
    }
}
