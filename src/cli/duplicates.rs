//! `idlink duplicates`: customers who share an address, shown, given out to be
//! decided about, and made what was decided.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use time::OffsetDateTime;
use uuid::Uuid;

use super::staff::{At, Failure, Opened, when};
use crate::domain::email::Email;
use crate::duplicates::decide::{Decided, SiteRules, Summary};
use crate::duplicates::file::{self, Beginning, Export, Problems, Word};
use crate::duplicates::group::{Group, Groups};
use crate::duplicates::orders::Orders;
use crate::duplicates::plan::{self, Plan};
use crate::duplicates::{addresses, undo::UndoError};

/// Find customers who share an e-mail address, and settle who is meant by it
#[derive(Debug, Args)]
pub(super) struct DuplicatesCommand {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the groups of active persons who share an address
    List {
        /// CSV with the columns `number`, `orders` and, perhaps, `last_order`
        #[arg(long, value_name = "FILE")]
        orders: Option<PathBuf>,
        /// Stop after so many groups
        #[arg(long, value_name = "COUNT")]
        limit: Option<u64>,
    },
    /// Write the groups to a CSV file with an empty column `decision`
    Export {
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        orders: Option<PathBuf>,
        /// Begin with a byte order mark, by which Excel knows UTF-8
        #[arg(long)]
        bom: bool,
    },
    /// Read the column `decision` (`keep`, `merge into NUMBER`, `address
    /// wrong`, or empty) and carry it out, group by group
    Apply {
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
        /// Only say what is wrong with the file, or what it asks for
        #[arg(long)]
        dry_run: bool,
    },
    /// Take back a decision, if what it made still stands
    Undo {
        #[arg(value_name = "DECISION")]
        decision: Uuid,
    },
}

impl DuplicatesCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), Failure> {
        let desk = self.at.open(context).await?;
        let done = match self.action {
            Action::List { orders, limit } => list(&desk, orders.as_deref(), limit).await,
            Action::Export { file, orders, bom } => {
                let beginning = match bom {
                    true => Beginning::ByteOrderMark,
                    false => Beginning::Plain,
                };
                export(&desk, &file, orders.as_deref(), beginning).await
            }
            Action::Apply { file, dry_run } => {
                let rules = site_rules(&desk, context)?;
                apply(&desk, &file, &rules, dry_run).await
            }
            Action::Undo { decision } => undo(&desk, decision).await,
        };
        desk.close().await?;
        done
    }
}

async fn list(desk: &Opened, orders: Option<&Path>, limit: Option<u64>) -> Result<(), Failure> {
    let orders = read_orders(orders)?;
    let members = desk
        .store
        .sharing_an_address(desk.legal_entity_ref())
        .await?;
    let mut groups = Groups::new(members);
    let (mut shown, mut customers) = (0_u64, 0);
    while limit.is_none_or(|limit| shown < limit) {
        let Some(group) = groups.next().await? else {
            groups.end().await?;
            println!("{shown} groups, {customers} customers");
            return Ok(());
        };
        print_group(&group, &orders);
        shown += 1;
        customers += group.members.len();
    }
    println!("{shown} groups, {customers} customers; there may be more (--limit)");
    Ok(())
}

fn print_group(group: &Group, orders: &Orders) {
    if let Some(first) = group.members.first() {
        println!("{}", first.email_canonical);
    }
    for member in &group.members {
        let seen = match member.last_seen_at {
            Some(at) => format!(", signed in {}", when(at)),
            None => String::new(),
        };
        let (count, last) = orders.of(&member.number);
        let ordered = match (count, last) {
            ("", _) => String::new(),
            (count, "") => format!(", orders {count}"),
            (count, last) => format!(", orders {count}, the last {last}"),
        };
        println!(
            "  {:<12} {}  {} from {}, address {}, changed {}, links {}{seen}{ordered}",
            member.number.as_str(),
            visible(member.name.as_deref().unwrap_or("(no name)")),
            file::customer_type(member.customer_type),
            file::origin(member.origin),
            file::address(member.address_origin),
            when(member.changed_at),
            member.links.len(),
        );
    }
}

/// A name that does nothing to the terminal it is shown on.
fn visible(name: &str) -> String {
    name.replace(char::is_control, "\u{FFFD}")
}

async fn export(
    desk: &Opened,
    path: &Path,
    orders: Option<&Path>,
    beginning: Beginning,
) -> Result<(), Failure> {
    let orders = read_orders(orders)?;
    // A new file, for nobody else to read: it says who the customers are. One
    // that is there may hold decisions.
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let to = match created {
        Ok(to) => to,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(argument(path, "is there already: name another file"));
        }
        Err(error) => return Err(argument(path, error)),
    };
    match write_groups(desk, to, &orders, beginning, path).await {
        Ok((groups, customers)) => {
            println!(
                "{groups} groups, {customers} customers written to {}",
                path.display()
            );
            Ok(())
        }
        Err(failure) => {
            // Half a file would look like a whole one.
            let _ = fs::remove_file(path);
            Err(failure)
        }
    }
}

async fn write_groups(
    desk: &Opened,
    to: File,
    orders: &Orders,
    beginning: Beginning,
    path: &Path,
) -> Result<(u64, usize), Failure> {
    let written = |error| argument(path, error);
    let mut export = Export::new(BufWriter::new(to), beginning).map_err(written)?;
    let members = desk
        .store
        .sharing_an_address(desk.legal_entity_ref())
        .await?;
    let mut groups = Groups::new(members);
    let (mut count, mut customers) = (0, 0);
    while let Some(group) = groups.next().await? {
        export
            .group(desk.legal_entity_ref(), &group, orders)
            .map_err(written)?;
        count += 1;
        customers += group.members.len();
    }
    groups.end().await?;
    let file = export.end().map_err(written)?;
    let file = file
        .into_inner()
        .map_err(|error| written(error.into_error()))?;
    file.sync_all().map_err(written)?;
    Ok((count, customers))
}

async fn apply(
    desk: &Opened,
    path: &Path,
    rules: &SiteRules,
    dry_run: bool,
) -> Result<(), Failure> {
    let wrong = |problems| refuse_file(path, &problems);
    let from = File::open(path).map_err(|error| argument(path, error))?;
    let lines = file::read(BufReader::new(from), desk.legal_entity_ref()).map_err(wrong)?;
    let plans = plan::plans(lines).map_err(wrong)?;
    let known = desk.desk().known(&plans).await?;
    plan::check_numbers(&plans, &known).map_err(wrong)?;
    let mut refused = 0_usize;
    for (plan, email) in plans.iter().zip(addresses(&plans, &known)) {
        let group = shown(plan);
        if dry_run {
            println!("{group}: {}", asked(plan));
            continue;
        }
        match carry_out(desk, plan, email, rules).await? {
            Ok((decision, summary)) => println!("{group}: {}; decision {decision}", done(summary)),
            Err(reason) => {
                refused += 1;
                println!("{group}: not applied: {reason}");
            }
        }
    }
    match (plans.len(), refused) {
        (0, _) => println!("nothing is decided in {}", path.display()),
        (_, 0) => {}
        (all, refused) => {
            return Err(Failure::Nothing(format!(
                "{refused} of {all} groups were not applied"
            )));
        }
    }
    Ok(())
}

/// The decision and what it did, or why the group was left.
async fn carry_out(
    desk: &Opened,
    plan: &Plan,
    email: Option<Email>,
    rules: &SiteRules,
) -> Result<Result<(Uuid, Summary), String>, Failure> {
    use crate::duplicates::decide::GroupRefusal;

    let Some(email) = email else {
        return Ok(Err(GroupRefusal::Changed.to_string()));
    };
    let decision = Uuid::now_v7();
    let now = OffsetDateTime::now_utc();
    let decided = desk
        .desk()
        .decide(decision, &email, plan, rules, now)
        .await?;
    Ok(match decided {
        Decided::Applied(summary) => Ok((decision, summary)),
        Decided::Refused(refusal) => Err(refusal.to_string()),
    })
}

async fn undo(desk: &Opened, decision: Uuid) -> Result<(), Failure> {
    let undone = desk.desk().undo(decision, OffsetDateTime::now_utc()).await;
    match undone {
        Ok(()) => {
            println!("decision {decision} is undone");
            Ok(())
        }
        Err(UndoError::Store(error)) => Err(error.into()),
        Err(refused) => Err(Failure::Nothing(refused.to_string())),
    }
}

/// A group as the file's reader finds it.
fn shown(plan: &Plan) -> String {
    let first = plan.lines.first();
    let line = first.map_or(0, |line| line.line);
    format!("line {line}, group {}", plan.token)
}

fn asked(plan: &Plan) -> String {
    let count = |wanted: fn(&Word) -> bool| {
        let lines = plan.lines.iter();
        lines.filter(|line| wanted(&line.word)).count()
    };
    format!(
        "would merge {}, call {} addresses wrong, keep {}",
        count(|word| matches!(word, Word::MergeInto(_))),
        count(|word| matches!(word, Word::AddressWrong)),
        count(|word| matches!(word, Word::Keep | Word::None)),
    )
}

fn done(summary: Summary) -> String {
    format!(
        "merged {}, addresses wrong {}, kept {}, links moved {}",
        summary.merged, summary.addresses_wrong, summary.kept, summary.links_moved
    )
}

pub(super) fn site_rules(desk: &Opened, context: &super::Context) -> Result<SiteRules, Failure> {
    let settings = context.settings()?;
    let sites = settings.directory.sites();
    Ok(sites
        .filter(|site| site.legal_entity == *desk.legal_entity_ref())
        .map(|site| (site.name.clone(), site.rules.second_identity))
        .collect())
}

fn read_orders(path: Option<&Path>) -> Result<Orders, Failure> {
    let Some(path) = path else {
        return Ok(Orders::default());
    };
    let file = File::open(path).map_err(|error| argument(path, error))?;
    Orders::read(BufReader::new(file)).map_err(|error| argument(path, error))
}

fn argument(path: &Path, problem: impl std::fmt::Display) -> Failure {
    Failure::Argument(format!("{}: {problem}", path.display()))
}

/// Everything at once, so that the file is corrected once.
fn refuse_file(path: &Path, problems: &Problems) -> Failure {
    for problem in &problems.found {
        println!("{}: {problem}", path.display());
    }
    let more = problems.count.saturating_sub(problems.found.len());
    if more > 0 {
        println!("and {more} more");
    }
    Failure::Argument(format!(
        "{} problems in {}: nothing was applied",
        problems.count,
        path.display()
    ))
}
