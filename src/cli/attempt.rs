//! `idlink attempt`: what was asked, found and answered.

use clap::{Args, Subcommand};

use super::staff::{At, Failure, when};
use crate::domain::reference::Reference;

/// Look up a sign-up by the reference that its page showed
#[derive(Debug, Args)]
pub(super) struct AttemptCommand {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the attempt with this reference
    Show { reference: String },
}

impl AttemptCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), Failure> {
        let desk = self.at.open(context).await?;
        let Action::Show { reference } = self.action;
        let reference = Reference::parse(&reference).ok_or_else(|| {
            Failure::Argument(
                "a reference has eight letters and digits, such as 7K2M-Q9XD".to_owned(),
            )
        })?;
        let attempts = desk
            .store
            .attempts(desk.legal_entity_ref(), &reference)
            .await?;
        if attempts.is_empty() {
            return Err(Failure::Nothing(format!(
                "no attempt in {} has the reference {reference}; one that was answered while the \
                 database was away is only in the log",
                desk.legal_entity()
            )));
        }
        for attempt in attempts {
            println!("attempt {}", attempt.reference);
            println!(
                "  asked    {}, {} time(s)",
                when(attempt.asked_at),
                attempt.times_asked
            );
            println!(
                "  at       site {}, tenant {}, {}",
                attempt.site, attempt.tenant, attempt.step
            );
            if let Some(request_id) = attempt.request_id {
                println!("  request  {request_id}");
            }
            let provider = match attempt.provider.as_str() {
                "" => "unknown",
                provider => provider,
            };
            println!("  through  {provider}");
            let email = attempt
                .email
                .as_deref()
                .unwrap_or("none that can be compared");
            println!("  address  {email} ({})", attempt.address);
            println!("  found    {} candidate(s)", attempt.found);
            let refusal = attempt.refusal.map(|code| format!(": {code}"));
            println!(
                "  decided  {}{}",
                attempt.decision,
                refusal.unwrap_or_default()
            );
            println!("  answered {}", attempt.answer);
        }
        desk.close().await
    }
}
