//! What a journey knows besides its claims: the request, the browser, the time
//! it began.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::emulator::{oidc::Request, params::Params};

#[derive(Clone)]
pub(crate) struct Context {
    /// In the journey's address.
    pub(crate) journey_id: String,
    pub(crate) correlation_id: Uuid,
    pub(crate) request: Request,
    /// All of the application's parameters.
    pub(crate) parameters: Params,
    /// `en-US`.
    pub(crate) tag: String,
    pub(crate) ip_address: String,
    pub(crate) host: String,
    /// The tenant's address that the application uses.
    pub(crate) base_url: String,
    /// Seconds.
    pub(crate) started: i64,
    /// When the person proved who they are: now, or when the session began.
    pub(crate) auth_time: i64,
    /// Whether "keep me signed in" was ticked.
    pub(crate) keep_signed_in: bool,
    /// What the upstream provider gave besides claims: `access_token`, …
    pub(crate) provider_tokens: BTreeMap<String, String>,
}
