use super::*;
use crate::domain::forecast;
use crate::domain::governor::quota::Evidence;
use crate::limits::HOUR_MS;

const NOW: Moment = Moment(1_761_453_200_000);

fn tally(currency: &str, listed: u64, stored: u64, rows: u64) -> Tally {
    let pending = listed - stored;
    Tally { currency: Currency::stored(currency), listed, pending, stored, empty: 0, attention: 0, rows }
}

/// The job of October 2025, see FIELD.
fn page(quota: Option<Quota>) -> PlanPage {
    let work = |currency: &str, pending, before: u64| Work {
        currency: Currency::stored(currency),
        pending,
        grown: 12,
        old_empty: 0,
        requests: pending + 12,
        time: forecast::duration(pending + 12, quota.as_ref(), 0, 200),
        done_after: forecast::duration(before + pending + 12, quota.as_ref(), 0, 200),
    };
    PlanPage {
        tallies: vec![tally("ETH", 8_679, 1_941, 26_078), tally("BTC", 8_850, 660, 3_095)],
        work: vec![work("ETH", 6_738, 0), work("BTC", 8_190, 6_750)],
        quota,
        expiry_queries: None,
        listed_at: Some(NOW - 26 * HOUR_MS),
    }
}

#[test]
fn the_plan_as_a_page() {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    let known = Quota { requests: 800, window_ms: HOUR_MS, evidence: Evidence::Matched, learned_at: NOW };
    let nothing = PlanPage {
        tallies: vec![tally("ETH", 8_679, 8_679, 120_112)],
        work: Vec::new(),
        expiry_queries: Some(true),
        ..page(Some(known.clone()))
    };
    let pages =
        [page(None).draw(NOW, &zone, 80), page(Some(known.clone())).draw(NOW, &zone, 80), nothing.draw(NOW, &zone, 40)];
    insta::assert_snapshot!(pages.join("---\n"));
    insta::assert_snapshot!(page(Some(known)).json(NOW));
}
