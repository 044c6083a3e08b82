//! What the commands for staff share: at which legal entity, in whose name,
//! and how things are printed.

use clap::Args;
use time::OffsetDateTime;
use time::macros::format_description;

use super::Context;
use crate::domain::customer::{CustomerNumber, LegalEntity};
use crate::staff::{Desk, StaffError};
use crate::store::audit::Audited;
use crate::store::embedded::{Embedded, EmbeddedError};
use crate::store::legal_entities::NumberFormat;
use crate::store::{Store, StoreError};

/// Why a command for staff did nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Argument(String),
    #[error("{0}")]
    Nothing(String),
    #[error(transparent)]
    Context(#[from] super::ContextError),
    #[error(transparent)]
    Staff(#[from] StaffError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

/// In whose name something is changed.
#[derive(Debug, Args)]
pub(super) struct Actor {
    /// The name that the audit keeps [default: the user who runs the command]
    #[arg(long = "by", value_name = "NAME", global = true)]
    by: Option<String>,
}

impl Actor {
    pub(super) fn name(&self) -> String {
        self.by
            .clone()
            .or_else(|| std::env::var("SUDO_USER").ok())
            .or_else(|| std::env::var("USER").ok())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unnamed".to_owned())
    }
}

/// Where and in whose name a command acts.
#[derive(Debug, Args)]
pub(super) struct At {
    /// The company that owns the customers [default: the only one there is]
    #[arg(long, value_name = "CODE", global = true)]
    legal_entity: Option<String>,
    #[command(flatten)]
    actor: Actor,
}

/// An open store and the legal entity that is worked on.
pub(super) struct Opened {
    pub(super) store: Store,
    embedded: Option<Embedded>,
    legal_entity: LegalEntity,
    actor: String,
}

impl At {
    pub(super) async fn open(&self, context: &Context) -> Result<Opened, Failure> {
        let (store, embedded) = context.store().await?;
        let known = store.legal_entities().await?;
        let legal_entity = choose(self.legal_entity.as_deref(), &known)?;
        if !known.contains(&legal_entity) {
            store
                .ensure_legal_entity(&legal_entity, &NumberFormat::default())
                .await?;
        }
        Ok(Opened {
            store,
            embedded,
            legal_entity,
            actor: self.actor.name(),
        })
    }
}

/// The legal entity that is meant. Where none is known yet, the named one is
/// made, so that the commands work without a settings file.
pub(super) fn choose(named: Option<&str>, known: &[LegalEntity]) -> Result<LegalEntity, Failure> {
    let list = known
        .iter()
        .map(LegalEntity::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let named = match named {
        None => None,
        Some(code) => Some(LegalEntity::parse(code).ok_or_else(|| {
            Failure::Argument(format!(
                "`{code}` is no legal entity: 1 to 32 letters, digits, `-` and `_`"
            ))
        })?),
    };
    match (named, known) {
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Failure::Argument(
            "there is no legal entity yet: name one with --legal-entity, or in the settings"
                .to_owned(),
        )),
        (None, _) => Err(Failure::Argument(format!(
            "there are several legal entities: say with --legal-entity which of {list}"
        ))),
        (Some(named), []) => Ok(named),
        (Some(named), known) if known.contains(&named) => Ok(named),
        (Some(named), _) => Err(Failure::Argument(format!(
            "there is no legal entity {}; there is {list}",
            named.as_str()
        ))),
    }
}

impl Opened {
    pub(super) fn desk(&self) -> Desk<'_> {
        Desk {
            store: &self.store,
            legal_entity: &self.legal_entity,
            actor: &self.actor,
        }
    }

    pub(super) fn legal_entity(&self) -> &str {
        self.legal_entity.as_str()
    }

    pub(super) fn legal_entity_ref(&self) -> &LegalEntity {
        &self.legal_entity
    }

    /// Prints active links and returns how many there are.
    pub(super) async fn print_links(
        &self,
        customer: Option<&CustomerNumber>,
    ) -> Result<usize, Failure> {
        let links = self.store.links(&self.legal_entity, customer).await?;
        for link in &links {
            println!(
                "  link   {} customer {} ← {} {} ({}), {} via {} at {}, seen {}",
                link.link_id.0,
                link.customer_number,
                link.provider,
                link.subject,
                link.basis,
                when(link.created_at),
                link.recorded_via,
                link.site,
                when(link.last_seen_at),
            );
        }
        Ok(links.len())
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        close(self.store, self.embedded).await
    }
}

/// Lets go of the store and stops the server that this command started.
pub(super) async fn close(store: Store, embedded: Option<Embedded>) -> Result<(), Failure> {
    store.close();
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    Ok(())
}

pub(super) fn print_audit(audit: &[Audited]) {
    for line in audit {
        println!(
            "  audit  {} {} by {}",
            when(line.at),
            line.action,
            line.actor
        );
    }
}

/// A time as people read it, in UTC.
pub(super) fn when(at: OffsetDateTime) -> String {
    at.format(format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second]Z"
    ))
    .unwrap_or_else(|_| at.to_string())
}
