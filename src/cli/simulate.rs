//! `idlink simulate`: the rules over all customers, before they are switched
//! on.

mod progress;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use time::OffsetDateTime;

use super::reading::ReadingOptions;
use super::staff::{close, when};
use super::{Context, ContextError};
use crate::config::Settings;
use crate::domain::customer::LegalEntity;
use crate::domain::site::Site;
use crate::import::customer_rows::CustomerRows;
use crate::import::identity_rows::IdentityRows;
use crate::import::mapping::MappingProblems;
use crate::import::meter::Meter;
use crate::import::profile::Profile;
use crate::import::reject::RejectFile;
use crate::import::row::{Row, Rows, Unreadable};
use crate::import::source::Source;
use crate::import::table::Reading;
use crate::simulate::SimulateError;
use crate::simulate::changes::{Changes, compare};
use crate::simulate::identities::IdentityTally;
use crate::simulate::outcome::{Judge, Outcome};
use crate::simulate::population::Population;
use crate::simulate::report::{self, Content, grouped, percent};
use crate::simulate::tables::{CHANGES, IDENTITIES, TO_FIX, Table, ToFix};
use crate::simulate::tally::{SiteTally, Tally};
use progress::Bar;

const REJECTED: &str = "rejected-rows.csv";

const REJECTED_ACCOUNTS: &str = "rejected-accounts.csv";

/// See what the rules would do with all customers, before they are switched on
#[derive(Debug, Args)]
pub(super) struct SimulateCommand {
    /// Customer files, as `import customers` takes them; `-` is standard input
    /// [default: the customers of the database]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The companies whose customers are looked at, separated by commas
    /// [default: those of the settings]
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    legal_entity: Vec<String>,
    /// Accounts that exist already (issuer, subject, email, verified,
    /// provider): what each of them would get
    #[arg(long, value_name = "FILE")]
    identities: Option<PathBuf>,
    /// Other settings: who would get something else under them
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The folder for the report and the tables, which name customer numbers
    #[arg(long, value_name = "DIR", default_value = "simulation")]
    output: PathBuf,
    #[command(flatten)]
    reading: ReadingOptions,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Argument(String),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error(transparent)]
    Mapping(#[from] MappingProblems),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error(transparent)]
    Close(#[from] super::staff::Failure),
}

/// Everything that was found out.
struct Findings {
    tally: Tally,
    to_fix: ToFix,
    identities: Option<IdentityTally>,
    changes: Option<Changes>,
}

impl SimulateCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = context.settings()?;
        let other = match &self.against {
            Some(file) => Some(context.with_settings(file.clone()).settings()?),
            None => None,
        };
        let entities = self.entities(&settings)?;
        let reading = self.reading.reading()?;
        let judge = Judge::new()
            .ok_or_else(|| Failure::Argument("the rules take no address at all".to_owned()))?;
        self.make_folder()?;
        let bar = Bar::new();
        let mut population = Population::of(entities);
        let source = match self.files.as_slice() {
            [] => {
                self.read_database(context, &settings, &mut population, &bar)
                    .await?;
                "customers of the database".to_owned()
            }
            files => {
                let read = || self.read_files(files, &reading, &mut population, &bar);
                tokio::task::block_in_place(read)?;
                match files {
                    [_] => "customers of one file".to_owned(),
                    _ => format!("customers of {} files", files.len()),
                }
            }
        };
        let work = || self.work_out(&settings, other.as_ref(), &mut population, &judge, &bar);
        let result = tokio::task::block_in_place(work)?;
        bar.finish();
        let to_fix = result.to_fix.len() as u64;
        result.to_fix.write(&self.output, &population)?;
        // The page may be handed on: folders are nobody's business.
        let name = self.against.as_deref().and_then(Path::file_name);
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let content = Content {
            made_at: when(OffsetDateTime::now_utc()),
            source,
            population: &population,
            tally: &result.tally,
            to_fix,
            identities: result.identities.as_ref(),
            changes: name.as_deref().zip(result.changes.as_ref()),
        };
        report::write(&self.output.join(report::NAME), &content)?;
        tell(&content);
        self.tell_files(&content);
        Ok(())
    }

    /// Whose customers are looked at.
    fn entities(&self, settings: &Settings) -> Result<Vec<LegalEntity>, Failure> {
        if settings.directory.sites().next().is_none() {
            return Err(Failure::Argument(
                "there are no sites in the settings (--config or IDLINK_CONFIG), so there are no \
                 rules to simulate"
                    .to_owned(),
            ));
        }
        if self.legal_entity.is_empty() {
            let codes = settings.legal_entities.iter();
            return Ok(codes.map(|entity| entity.code.clone()).collect());
        }
        let mut chosen: Vec<LegalEntity> = Vec::new();
        for code in &self.legal_entity {
            let known = settings
                .legal_entities
                .iter()
                .find(|entity| entity.code.as_str() == code);
            let Some(known) = known else {
                return Err(Failure::Argument(format!(
                    "there is no legal entity `{code}` in the settings"
                )));
            };
            if !chosen.contains(&known.code) {
                chosen.push(known.code.clone());
            }
        }
        Ok(chosen)
    }

    async fn read_database(
        &self,
        context: &Context,
        settings: &Settings,
        population: &mut Population,
        bar: &Bar,
    ) -> Result<(), Failure> {
        let (store, embedded) = context.store_for(settings).await?;
        let counts = store.customer_counts().await.map_err(SimulateError::from)?;
        let entities = population.entities().to_vec();
        let of_ours = counts
            .iter()
            .filter(|(entity, _)| entities.contains(entity));
        let all: i64 = of_ours.map(|(_, count)| count).sum();
        bar.begin_rows("reading", u64::try_from(all).unwrap_or_default());
        let mut count = 0;
        store
            .each_customer(&entities, |facts| {
                count += 1;
                bar.reached(count, count);
                population.add_facts(facts)
            })
            .await?;
        Ok(close(store, embedded).await?)
    }

    fn read_files(
        &self,
        files: &[PathBuf],
        reading: &Reading,
        population: &mut Population,
        bar: &Bar,
    ) -> Result<(), SimulateError> {
        let sources: Vec<_> = files.iter().map(|file| Source::named(file)).collect();
        let meter = Meter::default();
        bar.begin_bytes("reading", sources.iter().map(Source::size).sum());
        let mut rejects = RejectFile::at(&self.output.join(REJECTED));
        let only = match population.entities() {
            [only] => Some(only.clone()),
            _ => None,
        };
        let mut count = 0;
        for source in &sources {
            let file = source.name();
            let unreadable = |problem: Unreadable| SimulateError::Unreadable {
                file: file.clone(),
                problem,
            };
            let mut rows = CustomerRows::open(source, reading, &meter).map_err(unreadable)?;
            while let Some(row) = rows.next_row().map_err(unreadable)? {
                count += 1;
                bar.reached(meter.bytes(), count);
                match row {
                    Row::Good { record, .. } => {
                        if record.legal_entity.is_none() && only.is_none() {
                            return Err(SimulateError::WhoseCustomers { file });
                        }
                        population.add_record(&record, only.as_ref())?;
                    }
                    Row::Bad(rejected) => {
                        let entity = rejected.legal_entity.as_deref().or(only.as_ref());
                        population.add_unreadable(entity);
                        let written = rejects.write(&file, &rejected);
                        written.map_err(|error| self.output_error(REJECTED, error))?;
                    }
                }
            }
        }
        let finished = rejects.finish();
        finished.map_err(|error| self.output_error(REJECTED, error))?;
        Ok(())
    }

    fn output_error(&self, name: &str, error: std::io::Error) -> SimulateError {
        SimulateError::Output {
            path: self.output.join(name).display().to_string(),
            error,
        }
    }

    fn work_out(
        &self,
        settings: &Settings,
        other: Option<&Settings>,
        population: &mut Population,
        judge: &Judge,
        bar: &Bar,
    ) -> Result<Findings, SimulateError> {
        bar.begin_unknown("sorting");
        population.settle();
        let population = &*population;
        bar.begin_unknown("deciding");
        let sites: Vec<Arc<Site>> = settings.directory.sites().cloned().collect();
        let mut to_fix = ToFix::default();
        let tally = Tally::count(population, sites, judge, |person, outcome, first| {
            to_fix.add(person, outcome, first);
            Ok(())
        })?;
        let identities = match &self.identities {
            Some(file) => Some(self.count_identities(file, settings, population, judge)?),
            None => None,
        };
        let changes = match other {
            Some(other) => Some(self.compare(settings, other, population, judge)?),
            None => None,
        };
        Ok(Findings {
            tally,
            to_fix,
            identities,
            changes,
        })
    }

    fn count_identities(
        &self,
        file: &Path,
        settings: &Settings,
        population: &Population,
        judge: &Judge,
    ) -> Result<IdentityTally, SimulateError> {
        let source = Source::named(file);
        let unreadable = |problem: Unreadable| SimulateError::Unreadable {
            file: source.name(),
            problem,
        };
        // Its columns are ours, whatever system the customers come from.
        let reading = Reading::of(Profile::idlink());
        let rows = IdentityRows::open(&source, &reading, &Meter::default());
        let mut rows = rows.map_err(unreadable)?;
        let mut table = Table::of_identities(&self.output)?;
        let mut rejects = RejectFile::at(&self.output.join(REJECTED_ACCOUNTS));
        let mut tally = IdentityTally::default();
        while let Some(row) = rows.next_row().map_err(unreadable)? {
            match row {
                Row::Good { record, .. } => {
                    tally.count(&record, population, &settings.directory, judge, |got| {
                        table.identity(&record, got)
                    })?;
                }
                Row::Bad(rejected) => {
                    tally.unreadable += 1;
                    let written = rejects.write(&source.name(), &rejected);
                    written.map_err(|error| self.output_error(REJECTED_ACCOUNTS, error))?;
                }
            }
        }
        let finished = rejects.finish();
        finished.map_err(|error| self.output_error(REJECTED_ACCOUNTS, error))?;
        table.finish()?;
        Ok(tally)
    }

    fn compare(
        &self,
        settings: &Settings,
        other: &Settings,
        population: &Population,
        judge: &Judge,
    ) -> Result<Changes, SimulateError> {
        let mut table = Table::of_changes(&self.output)?;
        let (before, after) = (&settings.directory, &other.directory);
        let changes = compare(population, before, after, judge, |change| {
            table.change(population, change)
        })?;
        table.finish()?;
        Ok(changes)
    }

    /// What an earlier run left would be taken for this one's. Unless it is
    /// read: somebody has corrected it.
    fn make_folder(&self) -> Result<(), Failure> {
        let names = [
            report::NAME,
            TO_FIX,
            REJECTED,
            REJECTED_ACCOUNTS,
            IDENTITIES,
            CHANGES,
        ];
        let read = self.files.iter().chain(&self.identities);
        let sources: Vec<_> = read.map(|file| Source::named(file)).collect();
        for path in names.map(|name| self.output.join(name)) {
            if sources.iter().any(|source| source.is(&path)) {
                return Err(Failure::Argument(format!(
                    "{} is read, and would be written over: name another --output",
                    path.display()
                )));
            }
        }
        let made = std::fs::create_dir_all(&self.output);
        let cleared = made.and_then(|()| {
            for name in names {
                match std::fs::remove_file(self.output.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(())
        });
        Ok(cleared.map_err(|error| SimulateError::Output {
            path: self.output.display().to_string(),
            error,
        })?)
    }

    fn tell_files(&self, content: &Content<'_>) {
        println!("");
        let tell = |name: &str, what: &str| {
            println!("{:<48} {what}", self.output.join(name).display());
        };
        tell(report::NAME, "to look at, and to hand on: names nobody");
        tell(TO_FIX, "customer numbers, with what to correct");
        if self.output.join(REJECTED).exists() {
            tell(REJECTED, "rows as they stood, with what is wrong");
        }
        if content.identities.is_some() {
            tell(IDENTITIES, "what each account would get");
        }
        if self.output.join(REJECTED_ACCOUNTS).exists() {
            tell(
                REJECTED_ACCOUNTS,
                "accounts that could not be read, with why",
            );
        }
        if content.changes.is_some() {
            tell(CHANGES, "who would get something else");
        }
    }
}

fn tell(content: &Content<'_>) {
    let (population, tally) = (content.population, content.tally);
    for entity in &tally.entities {
        println!(
            "legal entity {}: {} customers",
            entity.entity.as_str(),
            grouped(entity.customers)
        );
        if entity.unreadable > 0 {
            println!("  {:>12}  unreadable rows", grouped(entity.unreadable));
        }
        let sites = tally.sites.iter();
        for site in sites.filter(|site| site.site.legal_entity == entity.entity) {
            tell_site(site);
        }
    }
    for (entity, count) in population.others() {
        println!(
            "{} rows of the legal entity {}, which is not looked at",
            grouped(count),
            entity.as_str()
        );
    }
    let (nobodys, superseded) = (population.nobodys_rows(), population.superseded_rows());
    if nobodys > 0 {
        println!("{} unreadable rows of no legal entity", grouped(nobodys));
    }
    if superseded > 0 {
        println!(
            "{} rows in place of which a later one of the same number counts",
            grouped(superseded)
        );
    }
    if let Some(identities) = content.identities {
        println!("{} existing accounts", grouped(identities.all));
        for ((site, outcome), count) in &identities.counts {
            println!("  {:>12}  {site}: {outcome}", grouped(*count));
        }
        if identities.strangers > 0 {
            let count = grouped(identities.strangers);
            println!("  {count:>12}  of an issuer that no tenant has");
        }
        if identities.unreadable > 0 {
            let count = grouped(identities.unreadable);
            println!("  {count:>12}  unreadable rows");
        }
    }
    if let Some((name, changes)) = content.changes {
        println!("against {name}");
        for ((site, before, after), count) in changes {
            println!("  {:>12}  {site}: {before} → {after}", grouped(*count));
        }
        if changes.is_empty() {
            println!("  nobody would get anything else");
        }
    }
}

fn tell_site(tally: &SiteTally) {
    let all = tally.customers.all();
    println!("  site {}", tally.site.name);
    for outcome in Outcome::ALL {
        let count = tally.customers.of(outcome);
        if count > 0 {
            println!(
                "  {:>12} {:>9}  {}",
                grouped(count),
                percent(count, all),
                outcome.title()
            );
        }
    }
    let addresses = &tally.addresses;
    println!(
        "    of {} addresses {} link, {} are ambiguous, {} unknown here, {} refused",
        grouped(addresses.all()),
        grouped(addresses.link),
        grouped(addresses.ambiguous),
        grouped(addresses.unknown),
        grouped(addresses.refused)
    );
}
