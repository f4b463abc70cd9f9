//! Text that is longer than an index takes: a thousand names in one order, a name without an end.

use chainfill::domain::ledger::{Happening, OptionState};
use chainfill::store::{Batch, StoreError};

use super::facts::{T0, bars, begun, list, loaded, news, of_options};
use super::home::Home;
use super::{A, is_true};

super::contract!(
    an_order_of_a_thousand_names_is_kept_word_for_word,
    a_name_without_an_end_is_kept_as_its_beginning_and_what_tells_it_from_others,
);

/// Letters and digits that no server can press together.
fn noise(seed: u64, bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.alphanumeric()).take(bytes).collect()
}

async fn an_order_of_a_thousand_names_is_kept_word_for_word(home: &Home) {
    // F-X1, F-I3, F-I8
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    let of = |seed| format!("retry {}: 1000 options", noise(seed, 20_000));
    let first = Batch { at: T0, action: Some(of(1)), ..Batch::default() };
    let second = Batch { action: Some(of(2)), ..first.clone() };
    for batch in [&first, &first, &second, &first] {
        store.commit(epoch, batch).await.unwrap();
    }
    if home.has_tables() {
        let mut kept = home.ask("SELECT action AS c FROM chainfill_action").await;
        kept.sort_by_key(|action| *action != of(1));
        assert_eq!(kept, [of(1), of(2)], "each once, whatever else was asked for in the same moment");
    }
}

async fn a_name_without_an_end_is_kept_as_its_beginning_and_what_tells_it_from_others(home: &Home) {
    // F-X1, F-X6
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let long = format!("BTC-{}", noise(3, 10_000));
    let (other, zeros, umlauts) = (format!("{long}x"), "\0".repeat(3_000), "ä".repeat(5_000));
    let names = [A, &long, &other, &zeros, &umlauts];
    list(&*store, epoch, &names, T0).await;
    list(&*store, epoch, &names, T0 + 1).await;
    let records = loaded(&*store).await.records;
    assert_eq!(records.len(), names.len());
    let odd: Vec<_> = records.iter().filter(|record| record.symbol.as_str() != A).collect();
    assert!(odd.iter().all(|record| record.listed && record.state == OptionState::Attention));
    assert!(odd.iter().all(|record| record.reason.as_ref().is_some_and(|why| why.contains("longer than 64"))));
    assert!(odd.iter().all(|record| record.symbol.as_str().len() <= 256), "{odd:?}");
    assert_eq!(odd.iter().filter(|record| record.symbol.as_str().starts_with(&long[..100])).count(), 2);
    let told = names.map(|name| news(name, Happening::GivenUp("why".to_owned()), vec![], T0 + 2));
    let told = store.commit(epoch, &of_options(told.to_vec())).await.unwrap();
    assert_eq!(told.options.len(), names.len());
    assert!(store.story(&chainfill::domain::instrument::Symbol::new(&long)).await.unwrap().is_some());
    list(&*store, epoch, &[A], T0 + 3).await;
    assert_eq!(loaded(&*store).await.records.iter().filter(|record| record.listed).count(), 1);
    is_true(&*store).await;
}

#[tokio::test]
async fn a_bound_of_the_server_is_not_taken_for_tables_that_were_altered() {
    // F-B5: whoever restores a backup for it loses what came since, and meets it again.
    let home = Home::postgres();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    home.sql(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'index row size 2800 exceeds maximum' USING ERRCODE = '54000'; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON cryptodatadownload_options_daily FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    .await;
    let result = store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01"])])).await;
    let Err(StoreError::Unfit { what, mend, .. }) = result else { panic!("{result:?}") };
    assert!(what.contains("54000") && !mend.contains("backup") && mend.contains("report"), "{what}: {mend}");
}
