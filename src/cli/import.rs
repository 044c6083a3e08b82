//! `idlink import`: customers and links in bulk, from files.

mod options;
mod progress;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, Subcommand};
use time::OffsetDateTime;

use super::staff::close;
use crate::domain::customer::LegalEntity;
use crate::import::customer_rows::CustomerRows;
use crate::import::engine::{Plan, Summary, Told, import_customers};
use crate::import::link_rows::LinkRows;
use crate::import::links::{LinkPlan, LinkSummary, import_links};
use crate::import::meter::Meter;
use crate::import::reject::RejectFile;
use crate::import::row::{Rejected, Unreadable};
use crate::import::source::Source;
use crate::import::{ImportError, Input, Rejects};
use crate::store::imports::{Counts, Feed, Preview};
use options::{CustomerOptions, Failure, FileOptions, LinkOptions, When};

/// Take in customers and links from files
#[derive(Debug, Args)]
pub(super) struct ImportCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take in customers. Run it before people sign up: whoever is not there
    /// yet is not found
    Customers(CustomerOptions),
    /// Take in links between identities and customers that are known
    Links(LinkOptions),
}

/// How many rejected rows are shown where they are written to no file.
const SHOWN: u64 = 20;

/// Where rejected rows go: a file, or the first few to standard error.
#[derive(Clone)]
struct Sink(Arc<Mutex<SinkState>>);

struct SinkState {
    file: Option<RejectFile>,
    shown: u64,
    bar: progress::Shown,
}

impl Rejects for Sink {
    fn reject(&mut self, file: &str, rejected: &Rejected) -> io::Result<()> {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(to) = &mut state.file {
            return to.write(file, rejected);
        }
        state.shown += 1;
        if state.shown <= SHOWN {
            let column = rejected.column.as_deref();
            let column = column.map_or_else(String::new, |column| format!(", column {column}"));
            let (line, reason) = (rejected.line, &rejected.reason);
            state
                .bar
                .line(&format!("{file}, line {line}{column}: {reason}"));
        } else if state.shown == SHOWN + 1 {
            state.bar.line("… (--rejects FILE takes all of them)");
        }
        Ok(())
    }
}

impl Sink {
    fn new(file: Option<&Path>, bar: progress::Shown) -> Self {
        Self(Arc::new(Mutex::new(SinkState {
            file: file.map(RejectFile::at),
            shown: 0,
            bar,
        })))
    }

    fn expect(&self, header: Option<&Arc<[String]>>) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(file), Some(header)) = (&mut state.file, header) {
            file.expect(header);
        }
    }

    /// Everything is in the file, if there was something.
    fn finish(&self) -> io::Result<bool> {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.file.take().map_or(Ok(false), RejectFile::finish)
    }
}

impl ImportCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), super::Failure> {
        match self.what {
            What::Customers(options) => Ok(customers(options, context).await?),
            What::Links(options) => Ok(links(options, context).await?),
        }
    }
}

/// Everything that both kinds of import begin with.
struct Begun {
    meter: Meter,
    sink: Sink,
    bar: progress::Shown,
    told: Told,
    sources: Vec<Source>,
}

fn begin(files: &FileOptions) -> Result<Begun, Failure> {
    let sources: Vec<_> = files.files.iter().map(|name| Source::named(name)).collect();
    if let Some(rejects) = &files.rejects
        && sources.iter().any(|source| source.is(rejects))
    {
        return Err(Failure::RejectsOverFile(rejects.display().to_string()));
    }
    let bar = progress::Shown::new();
    let sink = Sink::new(files.rejects.as_deref(), bar.clone());
    let meter = Meter::default();
    let told = Told {
        meter: meter.clone(),
        size: sources.iter().map(Source::size).sum(),
        rejects: Box::new(sink.clone()),
        progress: Arc::new(bar.clone()),
    };
    Ok(Begun {
        meter,
        sink,
        bar,
        told,
        sources,
    })
}

async fn customers(options: CustomerOptions, context: &super::Context) -> Result<(), Failure> {
    let begun = begin(&options.files)?;
    let reading = options.files.reading()?;
    // Before the database is asked: a name that is wrong is said at once.
    let mut inputs = Vec::new();
    for source in &begun.sources {
        let rows = CustomerRows::open(source, &reading, &begun.meter);
        let rows = rows.map_err(unreadable(source))?;
        begun.sink.expect(rows.header());
        inputs.push(Input {
            name: source.name(),
            rows: Box::new(rows) as Box<_>,
        });
    }
    let (store, embedded) = context.store().await?;
    let plan = Plan {
        legal_entities: options.files.legal_entities(&store).await?,
        feed: if options.full {
            Feed::Full
        } else {
            Feed::Delta
        },
        dry_run: options.files.dry_run,
        max_errors: options.files.max_errors,
        max_shrink: options.allow_shrink,
        source_time: options.source_time.map(|When(at)| at),
        actor: options.files.actor.name(),
    };
    let started = OffsetDateTime::now_utc();
    let result = import_customers(&store, plan.clone(), inputs, begun.told).await;
    begun.bar.finish();
    let file = begun.sink.finish()?;
    close(store, embedded).await?;
    let summary = result?;
    tell(&plan, &summary, OffsetDateTime::now_utc() - started);
    judge(&options.files, summary.rejected, file)
}

async fn links(options: LinkOptions, context: &super::Context) -> Result<(), Failure> {
    let begun = begin(&options.files)?;
    let reading = options.files.reading()?;
    let mut inputs = Vec::new();
    for source in &begun.sources {
        let rows = LinkRows::open(source, &reading, &begun.meter);
        let rows = rows.map_err(unreadable(source))?;
        begun.sink.expect(rows.header());
        inputs.push(Input {
            name: source.name(),
            rows: Box::new(rows) as Box<_>,
        });
    }
    let settings = context.settings()?;
    let (store, embedded) = context.store_for(&settings).await?;
    let plan = LinkPlan {
        legal_entities: options.files.legal_entities(&store).await?,
        site: options.site,
        dry_run: options.files.dry_run,
        max_errors: options.files.max_errors,
        actor: options.files.actor.name(),
        directory: settings.directory,
    };
    let result = import_links(&store, plan, inputs, begun.told).await;
    begun.bar.finish();
    let file = begun.sink.finish()?;
    close(store, embedded).await?;
    let summary = result?;
    tell_links(&summary, options.files.dry_run);
    judge(&options.files, summary.rejected, file)
}

/// Which of several files it is that cannot be read.
fn unreadable(source: &Source) -> impl FnOnce(Unreadable) -> ImportError {
    let file = source.name();
    move |problem| ImportError::Unreadable { file, problem }
}

/// Says what was rejected, and whether that was more than is allowed.
fn judge(files: &FileOptions, rejected: u64, written: bool) -> Result<(), Failure> {
    if rejected > 0 {
        match (&files.rejects, written) {
            (Some(path), true) => println!("{rejected} rows rejected, see {}", path.display()),
            _ => println!("{rejected} rows rejected"),
        }
    }
    if rejected > files.max_errors {
        return Err(Failure::Rejected {
            rejected,
            limit: files.max_errors,
        });
    }
    Ok(())
}

fn tell(plan: &Plan, summary: &Summary, took: time::Duration) {
    for (n, (legal_entity, counts)) in summary.legal_entities.iter().enumerate() {
        tell_counts(legal_entity, counts, plan.dry_run);
        if let Some(preview) = summary.previews.get(n) {
            tell_ambiguous(preview);
        }
    }
    if summary.kept_everybody {
        println!(
            "nobody is taken for gone: among the rejected rows are some that say not even whose they are"
        );
    }
    if plan.dry_run {
        println!("nothing was changed (dry run)");
        return;
    }
    let rows: u64 = summary.legal_entities.iter().map(|(_, c)| c.rows).sum();
    let seconds = took.as_seconds_f64().max(0.001);
    let rate = progress::grouped((rows as f64 / seconds) as u64);
    println!("took {seconds:.1} s, {rate} rows/s");
}

fn tell_counts(legal_entity: &LegalEntity, counts: &Counts, dry_run: bool) {
    let would = if dry_run { " would be" } else { "" };
    let parts = [
        (counts.added, "added"),
        (counts.changed, "changed"),
        (counts.unchanged, "unchanged"),
        (counts.replaced, "replaced by others"),
        (counts.returned, "back again"),
        (counts.gone, "gone"),
        (counts.superseded, "repeated further down"),
        (counts.for_review, "to be reviewed"),
        (counts.links_moved, "links moved"),
    ];
    let told: Vec<_> = parts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "added")
        .map(|(count, what)| format!("{} {what}", progress::grouped(*count)))
        .collect();
    println!(
        "{}: {} rows;{would} {}",
        legal_entity.as_str(),
        progress::grouped(counts.rows),
        told.join(", ")
    );
}

/// Numbers only: the addresses stay where they are.
fn tell_ambiguous(preview: &Preview) {
    if preview.ambiguous == 0 {
        return;
    }
    println!(
        "  {} addresses would belong to several customers, who cannot sign up with them then:",
        progress::grouped(preview.ambiguous)
    );
    for numbers in &preview.examples {
        let shown: Vec<_> = numbers.iter().take(5).map(ToString::to_string).collect();
        let more = if numbers.len() > 5 { ", …" } else { "" };
        println!("    {}{more}", shown.join(", "));
    }
    if preview.ambiguous > preview.examples.len() as u64 {
        println!("    …");
    }
}

fn tell_links(summary: &LinkSummary, dry_run: bool) {
    for (legal_entity, counts) in &summary.legal_entities {
        let would = if dry_run { " would be" } else { "" };
        println!(
            "{}: {} links;{would} {} added, {} there already",
            legal_entity.as_str(),
            progress::grouped(counts.rows),
            progress::grouped(counts.added),
            progress::grouped(counts.unchanged)
        );
    }
    if dry_run {
        println!("nothing was changed (dry run)");
    }
}
