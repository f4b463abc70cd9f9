//! temporary
use super::{Context, Failure};
use clap::Args;
/// temporary
#[derive(Debug, Args)]
pub(super) struct Missing {}
impl Missing {
    pub(super) async fn run(&self, _context: &Context) -> Result<u8, Failure> {
        Ok(0)
    }
}
