//! What a client asks, taken apart. Where it cannot be understood the answer is JSON, as all of the API is.

use std::fmt::Display;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::api::problem;

/// An extractor whose refusal is told in the form of the API, and not as plain text.
pub(super) struct Asked<E>(pub(super) E);

impl<S, E> FromRequestParts<S> for Asked<E>
where
    S: Send + Sync,
    E: FromRequestParts<S>,
    E::Rejection: Display,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<E>, Response> {
        let found = E::from_request_parts(parts, state).await;
        found.map(Asked).map_err(|why| problem(StatusCode::BAD_REQUEST, &why.to_string()))
    }
}
