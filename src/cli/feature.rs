//! `idlink feature`: the environment's switch for automatic linking.

use clap::{Args, Subcommand};
use time::OffsetDateTime;

use super::staff::{Actor, Failure, when};
use crate::store::features::{AUTOMATIC_LINKING, Switch};

/// The name of the switch in Commerce headquarters.
const TITLE: &str = "Local Identity Record and Commerce Customer automatic linking";

/// Turn automatic linking on or off for the whole environment
#[derive(Debug, Args)]
pub(super) struct FeatureCommand {
    #[command(flatten)]
    actor: Actor,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Link from now on, at sites whose mode is `enforce`
    Enable,
    /// Decide and record nothing; who is linked keeps their number
    Disable,
    /// Say how the switch stands, and who turned it
    Status,
}

impl FeatureCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), Failure> {
        let (store, embedded) = context.store().await?;
        let wanted = match self.action {
            Action::Enable => Some(Switch::On),
            Action::Disable => Some(Switch::Off),
            Action::Status => None,
        };
        if let Some(switch) = wanted {
            let now = OffsetDateTime::now_utc();
            store
                .turn_feature(AUTOMATIC_LINKING, switch, &self.actor.name(), now)
                .await?;
        }
        let feature = store.feature(AUTOMATIC_LINKING).await?;
        let state = match feature.switch {
            Switch::On => "on",
            Switch::Off => "off",
        };
        println!("{TITLE}: {state}");
        if let Some((at, by)) = feature.changed {
            println!("  turned {} by {by}", when(at));
        }
        super::staff::close(store, embedded).await
    }
}
