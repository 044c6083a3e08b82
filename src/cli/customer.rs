//! `idlink customer`: enter, approve, block and look at customers.

use clap::{Args, Subcommand, ValueEnum};
use time::OffsetDateTime;

use super::staff::{At, Failure, print_audit, when};
use crate::domain::customer::{
    AddressOrigin, CustomerKind, CustomerNumber, CustomerOrigin, CustomerState, CustomerType,
};
use crate::domain::email::{Email, EmailProblem};
use crate::staff::{Effect, NewCustomer, Ruling};
use crate::store::customers::CustomerFile;

/// Enter, approve, block and look at customers
#[derive(Debug, Args)]
pub(super) struct CustomerCommand {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Enter a customer
    Add(Add),
    /// Make a pending or blocked customer active
    Approve { number: String },
    /// Keep a customer from being found and from being told their number
    Block { number: String },
    /// Show a customer by number, or all with an e-mail address
    Show {
        #[arg(value_name = "NUMBER or EMAIL")]
        whom: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Buys as a business (B2B) or as a consumer (B2C)
    #[arg(long = "type", value_enum)]
    customer_type: TypeArgument,
    #[arg(long)]
    email: Option<String>,
    #[arg(long)]
    name: Option<String>,
    /// Otherwise the next one of the legal entity
    #[arg(long)]
    number: Option<String>,
    /// An organisation; never found by a sign-up
    #[arg(long)]
    organisation: bool,
    /// Waits for `customer approve`; never found by a sign-up
    #[arg(long)]
    pending: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TypeArgument {
    B2b,
    B2c,
}

impl CustomerCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), Failure> {
        let desk = self.at.open(context).await?;
        let now = OffsetDateTime::now_utc();
        match self.action {
            Action::Add(add) => {
                let number = desk.desk().add_customer(&add.read()?, now).await?;
                println!("customer {number} added to {}", desk.legal_entity());
            }
            Action::Approve { number } => {
                let number = read_number(&number)?;
                match desk.desk().rule(&number, Ruling::Approve, now).await? {
                    Effect::Made => println!(
                        "customer {number} is active; who has its address is linked at the next sign-in"
                    ),
                    Effect::None => println!("customer {number} was active already"),
                }
            }
            Action::Block { number } => {
                let number = read_number(&number)?;
                match desk.desk().rule(&number, Ruling::Block, now).await? {
                    Effect::Made => println!("customer {number} is blocked"),
                    Effect::None => println!("customer {number} was blocked already"),
                }
            }
            Action::Show { whom } => {
                let files = if whom.contains('@') {
                    desk.store
                        .customers_with_email(desk.legal_entity_ref(), &read_email(&whom)?)
                        .await?
                } else {
                    let number = read_number(&whom)?;
                    let file = desk
                        .store
                        .customer(desk.legal_entity_ref(), &number)
                        .await?;
                    file.into_iter().collect()
                };
                if files.is_empty() {
                    return Err(Failure::Nothing(format!(
                        "no customer of {} has that number or address",
                        desk.legal_entity()
                    )));
                }
                for file in &files {
                    print_customer(file);
                    desk.print_links(Some(&file.number)).await?;
                    let audit = desk
                        .store
                        .audit_of(desk.legal_entity_ref(), file.id.0)
                        .await?;
                    print_audit(&audit);
                }
            }
        }
        desk.close().await
    }
}

impl Add {
    fn read(self) -> Result<NewCustomer, Failure> {
        Ok(NewCustomer {
            number: self.number.as_deref().map(read_number).transpose()?,
            kind: if self.organisation {
                CustomerKind::Organisation
            } else {
                CustomerKind::Person
            },
            customer_type: match self.customer_type {
                TypeArgument::B2b => CustomerType::B2b,
                TypeArgument::B2c => CustomerType::B2c,
            },
            name: self.name,
            email: self.email.as_deref().map(read_email).transpose()?,
            state: if self.pending {
                CustomerState::Pending
            } else {
                CustomerState::Active
            },
        })
    }
}

fn read_number(text: &str) -> Result<CustomerNumber, Failure> {
    CustomerNumber::parse(text).ok_or_else(|| {
        Failure::Argument(
            "a customer number has 1 to 100 visible characters and no blank at its ends".to_owned(),
        )
    })
}

fn read_email(text: &str) -> Result<Email, Failure> {
    Email::parse(text).map_err(|problem| {
        Failure::Argument(
            match problem {
                EmailProblem::Malformed => "that is no e-mail address",
                EmailProblem::NotComparable => {
                    "that e-mail address has a quoted or non-ASCII part before the @, a comment or \
                     an IP address: no sign-up can be matched with it"
                }
            }
            .to_owned(),
        )
    })
}

fn print_customer(file: &CustomerFile) {
    let state = match file.state {
        CustomerState::Active => "active",
        CustomerState::Pending => "pending",
        CustomerState::Blocked => "blocked",
        CustomerState::Gone => "gone from the business's records",
        CustomerState::Merged => "merged into another",
        CustomerState::Erased => "erased",
    };
    let kind = match file.kind {
        CustomerKind::Person => "person",
        CustomerKind::Organisation => "organisation",
    };
    let customer_type = match file.customer_type {
        CustomerType::B2b => "B2B",
        CustomerType::B2c => "B2C",
    };
    let origin = match file.origin {
        CustomerOrigin::Import => "imported",
        CustomerOrigin::SignUp => "created at a sign-up",
        CustomerOrigin::Staff => "entered by staff",
    };
    println!("customer {}: {state}, {kind}, {customer_type}", file.number);
    println!("  {origin} {}", when(file.created_at));
    if let Some(name) = &file.name {
        println!("  name   {name}");
    }
    match &file.email {
        None => println!("  email  none"),
        Some((email, origin)) => {
            let origin = match origin {
                AddressOrigin::Imported => "from the business's records",
                AddressOrigin::Typed => "typed at a sign-up, never proven: matches nobody",
                AddressOrigin::Proven => "proven at a sign-up",
                AddressOrigin::Wrong => "not theirs, as staff found: matches nobody",
            };
            println!("  email  {email} ({origin})");
        }
    }
}
