//! `idlink review`: what imports have left to people, and their answers.

use clap::{Args, Subcommand, ValueEnum};
use time::OffsetDateTime;

use super::duplicates::site_rules;
use super::staff::{At, Failure, Opened, when};
use crate::domain::customer::CustomerNumber;
use crate::reviews::ReviewError;
use crate::store::reviews::{Reason, Resolution, ReviewFile};

/// Look at what imports have left to people, and settle it
#[derive(Debug, Args)]
pub(super) struct ReviewCommand {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what is open, oldest first
    List,
    /// Show everything about a number of a file
    Show { number: String },
    /// Answer what is open about a number of a file
    Resolve {
        number: String,
        #[arg(value_enum)]
        answer: Answer,
        /// Which question, where several are open
        #[arg(long, value_enum)]
        reason: Option<Question>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Answer {
    /// Two people, or it is well as it is
    KeepSeparate,
    /// One person: the customer of the file takes the other's place
    Merge,
    /// The address is not theirs
    AddressWrong,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Question {
    AddressOfSignUp,
    NumberOfSignUp,
    ProvenAddressDiffers,
    SecondIdentity,
}

impl ReviewCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), Failure> {
        let desk = self.at.open(context).await?;
        let done = match self.action {
            Action::List => list(&desk).await,
            Action::Show { number } => show(&desk, &number).await,
            Action::Resolve {
                number,
                answer,
                reason,
            } => resolve(&desk, context, &number, answer, reason).await,
        };
        desk.close().await?;
        done
    }
}

async fn list(desk: &Opened) -> Result<(), Failure> {
    let open = desk.store.open_reviews(desk.legal_entity_ref()).await?;
    for review in &open {
        let other = review.other.as_ref();
        println!(
            "{}  {} (customer {}), line {}, since {}",
            review.number,
            review.reason,
            other.map_or("none", CustomerNumber::as_str),
            review.line,
            when(review.opened_at),
        );
    }
    if open.is_empty() {
        println!("nothing is open");
    }
    Ok(())
}

async fn show(desk: &Opened, number: &str) -> Result<(), Failure> {
    let number = read_number(number)?;
    let reviews = desk
        .store
        .reviews_of(desk.legal_entity_ref(), &number)
        .await?;
    if reviews.is_empty() {
        return Err(Failure::Nothing(format!(
            "no import has left anything to people about {number}"
        )));
    }
    for review in &reviews {
        print_review(review);
    }
    Ok(())
}

fn print_review(review: &ReviewFile) {
    println!("{}: {}", review.number, asked(review));
    println!(
        "  {}, line {} of the file, since {}, last seen {}",
        review.reason.as_str(),
        review.line,
        when(review.opened_at),
        when(review.seen_at),
    );
    match (&review.closed_at, &review.resolved) {
        (Some(at), Some((resolution, by))) => {
            println!("  settled {}: {resolution}, by {by}", when(*at));
        }
        (Some(at), None) => println!("  settled {} by an import", when(*at)),
        (None, _) => println!("  open: {}", answers(review.reason)),
    }
}

/// The question in words.
fn asked(review: &ReviewFile) -> String {
    let other = review.other.as_ref().map(|(_, number)| number.as_str());
    let other = other.unwrap_or("none");
    match review.reason {
        Reason::AddressOfSignUp => format!(
            "has the address of customer {other}, whom a sign-up created; not taken in until it \
             is settled"
        ),
        Reason::NumberOfSignUp => format!(
            "is the number of customer {other}, whom a sign-up created with another address; not \
             taken in until it is settled"
        ),
        Reason::ProvenAddressDiffers => format!(
            "has another address in the file than customer {other} has proven; the proven one \
             stays"
        ),
        Reason::SecondIdentity => format!(
            "was merged into customer {other}, who has a sign-in of the same provider; the link \
             stays where it was"
        ),
    }
}

fn answers(reason: Reason) -> &'static str {
    match reason {
        Reason::AddressOfSignUp => {
            "`merge` (one person), `keep-separate` (two people with one address) or \
             `address-wrong` (the file's address is not theirs)"
        }
        Reason::NumberOfSignUp => {
            "`merge` (one person), or `keep-separate` and give one of them another number"
        }
        Reason::ProvenAddressDiffers => {
            "`keep-separate` (the proven address stays) or `address-wrong` (the next import \
             brings the file's)"
        }
        Reason::SecondIdentity => "`keep-separate`, or end a link with `idlink link remove` first",
    }
}

async fn resolve(
    desk: &Opened,
    context: &super::Context,
    number: &str,
    answer: Answer,
    reason: Option<Question>,
) -> Result<(), Failure> {
    let number = read_number(number)?;
    let resolution = match answer {
        Answer::KeepSeparate => Resolution::KeepSeparate,
        Answer::Merge => Resolution::Merge,
        Answer::AddressWrong => Resolution::AddressWrong,
    };
    let reason = reason.map(|question| match question {
        Question::AddressOfSignUp => Reason::AddressOfSignUp,
        Question::NumberOfSignUp => Reason::NumberOfSignUp,
        Question::ProvenAddressDiffers => Reason::ProvenAddressDiffers,
        Question::SecondIdentity => Reason::SecondIdentity,
    });
    let rules = site_rules(desk, context)?;
    let now = OffsetDateTime::now_utc();
    let desk = desk.desk();
    match desk.resolve(&number, reason, resolution, &rules, now).await {
        Ok(resolved) => {
            let undo = resolved
                .decision
                .map(|id| format!("; `idlink duplicates undo {id}` takes the merge back"));
            println!("{number} is settled{}", undo.unwrap_or_default());
            Ok(())
        }
        Err(ReviewError::Store(error)) => Err(error.into()),
        Err(refused) => Err(Failure::Nothing(refused.to_string())),
    }
}

fn read_number(text: &str) -> Result<CustomerNumber, Failure> {
    CustomerNumber::parse(text)
        .ok_or_else(|| Failure::Argument("that is no customer number".to_owned()))
}
