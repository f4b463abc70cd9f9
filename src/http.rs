//! The only way out: one GET, one whole answer.

use async_trait::async_trait;

use crate::source::fault::Fault;
use crate::source::{Request, Response};

/// Sends requests to the vendor. Tests put a vendor in simulated time here.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and reads its answer to the end. Sends it once: nothing is retried unseen (T12).
    ///
    /// # Errors
    /// [`Fault::NoAnswer`] or [`Fault::TooLong`]; every answer that arrived whole is a [`Response`], whatever its status.
    async fn send(&self, request: &Request) -> Result<Response, Fault>;
}
