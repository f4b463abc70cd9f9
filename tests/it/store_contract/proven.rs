//! A proof beside a run: rows and ledger are of one moment, whatever is committed while they are read.

use chainfill::domain::plan::Horizon;
use chainfill::domain::proof::{Audit, Wrong};
use chainfill::store::Mode;

use super::facts::{T0, bars, begun, list, loaded, of_options};
use super::home::Home;
use super::{A, B};

/// Commits from a thread of its own, while the one that reads is held.
fn meanwhile(url: chainfill::store::StoreUrl) {
    let commit = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = chainfill::store::open(&url, Mode::Write).await.unwrap().store;
            let epoch = loaded(&*store).await.run.unwrap().epoch;
            let batch = of_options(vec![bars(A, &["2024-04-02", "2024-04-03"]), bars(B, &["2024-04-01"])]);
            store.commit(epoch, &batch).await.unwrap();
        });
    };
    std::thread::spawn(commit).join().unwrap();
}

async fn a_commit_between_two_rows_is_no_damage(home: &Home) {
    // F-B13
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B], T0).await;
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01", "2024-04-02"])])).await.unwrap();
    let reader = home.try_open(Mode::Read).await.unwrap().store;
    let mut audit = Audit::default();
    let mut is_first = true;
    let mut see = |symbol: &_, row: Result<&_, &str>| {
        if std::mem::take(&mut is_first) {
            meanwhile(home.url());
        }
        audit.see(symbol, row);
    };
    let ledger = reader.audit(&mut see).await.unwrap();
    let proof = audit.conclude(&ledger.records, &ledger.ability, Horizon { now: T0, empty_days: 30 });
    let found: Vec<_> = proof.findings.iter().map(|finding| (finding.symbol.as_str(), &finding.wrong)).collect();
    assert_eq!(found, [(B, &Wrong::Pending)], "the commit came after the first row: {is_first}");
    let later = loaded(&*reader).await.records;
    assert_eq!(later.iter().map(|record| record.row_count).sum::<u32>(), 4, "a proof holds no later look back");
}

#[tokio::test]
async fn a_commit_between_two_rows_is_no_damage_on_sqlite() {
    a_commit_between_two_rows_is_no_damage(&Home::sqlite()).await;
}

#[tokio::test]
async fn a_commit_between_two_rows_is_no_damage_on_postgres() {
    a_commit_between_two_rows_is_no_damage(&Home::postgres()).await;
}
