//! temporary
use super::{Context, Failure};
use clap::Args;
/// temporary
#[derive(Debug, Args)]
pub(super) struct Plan {}
impl Plan {
    pub(super) async fn run(&self, _context: &Context) -> Result<u8, Failure> {
        Ok(0)
    }
}

pub(super) async fn show(
    _c: &Context,
    _cur: &[crate::domain::instrument::Currency],
    _p: &super::backfill::PaceFlags,
    _l: Option<u32>,
    _r: bool,
) -> Result<u8, Failure> {
    Ok(0)
}
