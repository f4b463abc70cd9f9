//! `chainfill verify`: proves from the store alone that nothing is missing.

use std::sync::Arc;

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::plan::Horizon;
use crate::domain::proof::Audit;
use crate::limits::EMPTY_DAYS_DEFAULT;
use crate::store::{Mode, Store};
use crate::view::proof::ProofPage;

/// Exit code: not complete.
const NOT_COMPLETE: u8 = 3;

/// Prove from the store alone that nothing is missing.
#[derive(Debug, Args)]
pub(super) struct Verify {}

impl Verify {
    /// Reads every row.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let store = context.open(Mode::Read).await?.store;
        prove(store, context.common.json).await
    }
}

/// Recounts a store and says what was found.
pub(super) async fn prove(store: Arc<dyn Store>, json: bool) -> Result<u8, Failure> {
    let now = SystemClock::start().now();
    let mut audit = Audit::default();
    let ledger = store.audit(&mut |symbol, row| audit.see(symbol, row)).await?;
    let horizon = Horizon { now, empty_days: EMPTY_DAYS_DEFAULT };
    let proof = audit.conclude(&ledger.records, &ledger.ability, horizon);
    let print = format!("{:016x}", proof.print.0);
    let page = ProofPage { currencies: proof.checked, others: proof.others, findings: proof.findings, print };
    screen::print(&if json { page.json(now) } else { page.draw(screen::width()) });
    Ok(if page.is_complete() { 0 } else { NOT_COMPLETE })
}
