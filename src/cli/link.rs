//! `idlink link`: look at links and end them.

use clap::{Args, Subcommand};
use time::OffsetDateTime;
use uuid::Uuid;

use super::staff::{At, Failure};
use crate::domain::customer::CustomerNumber;
use crate::domain::link::LinkId;

/// Look at links between identities and customers, and end them
#[derive(Debug, Args)]
pub(super) struct LinkCommand {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List active links, newest first
    List {
        /// Only those of this customer
        #[arg(long)]
        customer: Option<String>,
    },
    /// End a link. The identity is decided about anew at its next sign-in:
    /// correct or block the customer first if the link was wrong
    Remove {
        #[arg(value_name = "LINK")]
        link: Uuid,
    },
}

impl LinkCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), Failure> {
        let desk = self.at.open(context).await?;
        match self.action {
            Action::List { customer } => {
                let customer = customer
                    .map(|text| {
                        CustomerNumber::parse(&text).ok_or_else(|| {
                            Failure::Argument("that is no customer number".to_owned())
                        })
                    })
                    .transpose()?;
                if desk.print_links(customer.as_ref()).await? == 0 {
                    println!("no active link");
                }
            }
            Action::Remove { link } => {
                desk.desk()
                    .remove_link(LinkId(link), OffsetDateTime::now_utc())
                    .await?;
                println!("link {link} has ended");
            }
        }
        desk.close().await
    }
}
