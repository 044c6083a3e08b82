//! Platforms calling us while a person signs up or in: one wire dialect a
//! file, and who may speak it.
//!
//! The same outcome needs another status in each dialect, so they share no
//! error handling: what is said is made by `sign_up` and `linking`, how it is
//! said by the dialect alone.

pub mod caller;
mod custom_policy;
mod external_id;
mod refusals;
mod user_flow;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web;

use crate::domain::directory::Directory;
use crate::domain::site::Messages;
use crate::oidc::Bearer;
use caller::{Proxy, Roster};

/// What the connectors know, exchanged as a whole when settings are reloaded.
pub struct Connectors {
    pub directory: Arc<Directory>,
    /// Who may call, by tenant. Two credentials are valid while one is rolled.
    pub callers: BTreeMap<String, Roster>,
    /// Who may say which certificate a caller has shown elsewhere.
    pub proxy: Option<Proxy>,
    /// By whose tokens External ID calls, by tenant.
    pub bearers: BTreeMap<String, Bearer>,
    /// For people of whom not even the site is known.
    pub fallback: Messages,
}

/// The connectors' routes. Their state is `Data<ArcSwap<Connectors>>`,
/// `Data<SignUps>` and `Data<Linking>`.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/connectors/{tenant}/user-flow").route(web::post().to(user_flow::handle)),
    );
    for service in custom_policy::Service::ALL {
        config.service(service.resource());
    }
    config.service(
        web::resource("/connectors/{tenant}/external-id")
            .route(web::post().to(external_id::handle)),
    );
}
