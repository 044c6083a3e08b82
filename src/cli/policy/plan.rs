//! `idlink policy plan`: what a tenant is sent, and with `--apply` sending it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::{Misuse, colours, print_findings};
use crate::cli::Failure;
use crate::oidc;
use crate::policy::check;
use crate::policy::finding::{Finding, Severity};
use crate::policy::plan::apply::{self, ApplyError, Event, Outcome, Pace, Resend, Stopped};
use crate::policy::plan::graph::{Graph, GraphError};
use crate::policy::plan::{self, Plan, Step, What};
use crate::policy::report::{text, visible_line};
use crate::policy::set::PolicySet;

const TOKEN: &str = "IDLINK_GRAPH_TOKEN";

/// As a shell says it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Say what a tenant is sent, in its order, and send it
///
/// Reads policies, keys.json, and the Graph bodies of API connectors and user
/// flows, as `idlink policy build` writes them. With --apply it looks at what
/// the tenant has, sends what differs and stops at the first refusal; the
/// bearer token is taken from IDLINK_GRAPH_TOKEN.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Send it to Microsoft Graph
    #[arg(long)]
    apply: bool,
    /// Microsoft Graph; another one in national clouds
    #[arg(
        long,
        env = "IDLINK_GRAPH_URL",
        value_name = "URL",
        default_value = "https://graph.microsoft.com"
    )]
    graph: String,
    /// Send also what the tenant has already
    #[arg(long, requires = "apply")]
    force: bool,
    /// Send policies in which the check finds errors
    #[arg(long, requires = "apply")]
    no_check: bool,
    /// A base policy that the tenant has and that is not among the files
    #[arg(long, value_name = "POLICY_ID")]
    external: Vec<String>,
    /// How long one answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Files or folders, as built for one environment
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl PlanCommand {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let mut set = PolicySet::read(&self.paths).map_err(|error| Misuse(error.to_string()))?;
        let templates = plan::read_templates(&mut set.sources, &self.paths);
        let templates = templates.map_err(|error| Misuse(error.to_string()))?;
        let plan = plan::plan(&set, &templates)?;
        if plan.steps.is_empty() && plan.problems.is_empty() {
            return Err(Misuse("there is no policy in these paths".to_owned()).into());
        }
        if self.apply {
            return self.apply(&plan, &set).await;
        }
        match self.format {
            Format::Text => println!("{}", visible(&plan.text(&self.graph))),
            Format::Json => println!("{:#}", plan.json(&self.graph)),
        }
        if plan.problems.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        match self.format {
            Format::Text => print_findings(&set.sources, &plan.problems),
            Format::Json => eprintln!("idlink: {}", told(&plan.problems)),
        }
        Ok(ExitCode::FAILURE)
    }

    /// Whether nothing keeps the policies from being sent.
    fn checks(&self, plan: &Plan, set: &PolicySet) -> bool {
        let options = check::Options {
            external: self.external.clone(),
            tenant: plan.tenant.clone(),
            built: true,
            production: false,
        };
        let mut findings = check::check(set, &options).findings;
        findings.retain(|finding| finding.severity == Severity::Error);
        print_findings(&set.sources, &findings);
        if findings.is_empty() || !self.no_check {
            return findings.is_empty();
        }
        println!("WARNING: --no-check: these policies are sent with errors in them\n");
        true
    }

    async fn apply(&self, plan: &Plan, set: &PolicySet) -> Result<ExitCode, Failure> {
        if !plan.problems.is_empty() {
            print_findings(&set.sources, &plan.problems);
            println!("Nothing was sent.");
            return Ok(ExitCode::FAILURE);
        }
        if !self.checks(plan, set) {
            println!("Nothing was sent: mend the errors, or insist with --no-check.");
            return Ok(ExitCode::FAILURE);
        }
        let token = std::env::var(TOKEN).unwrap_or_default();
        if token.trim().is_empty() {
            return Err(Misuse(format!(
                "{TOKEN} is not set: it holds the bearer token for {}, such as \
                 `az account get-access-token --resource https://graph.microsoft.com \
                 --query accessToken -o tsv` prints",
                self.graph
            ))
            .into());
        }
        let limit = Duration::from_secs(self.timeout);
        let graph = Graph::new(
            oidc::http_client()?,
            &self.graph,
            &SecretString::from(token),
            limit,
        );
        let graph = graph.map_err(|error| Misuse(error.to_string()))?;
        let resend = match self.force {
            true => Resend::Always,
            false => Resend::Never,
        };
        let secret = |name: &str| std::env::var(name).ok().map(SecretString::from);
        let watcher = Watcher::new(plan);
        let mut watch = |event: Event<'_>| watcher.tell(&event);
        let order = (resend, PACE);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let applied = tokio::select! {
            applied = apply::apply(plan, set, &graph, order, &secret, &mut watch) => Some(applied),
            _ = interrupt.recv() => None,
        };
        let done = watcher.done();
        drop(watcher);
        let Some(applied) = applied else {
            print_interrupted(plan, done);
            return Ok(ExitCode::from(INTERRUPTED));
        };
        match applied {
            Ok(()) => {
                println!("Done: {} of {} steps.", plan.steps.len(), plan.steps.len());
                Ok(ExitCode::SUCCESS)
            }
            Err(stopped) => {
                print_stopped(plan, set, &stopped);
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Graph's limits last for seconds to minutes.
const PACE: Pace = Pace {
    attempts: 6,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(300),
};

fn visible(text: &str) -> String {
    crate::policy::report::visible(text.trim_end())
}

fn told(problems: &[Finding]) -> String {
    let errors = problems.iter();
    let errors = errors.filter(|problem| problem.severity == Severity::Error);
    format!(
        "{} problems keep this plan from being applied; --format text tells them",
        errors.count()
    )
}

fn print_stopped(plan: &Plan, set: &PolicySet, stopped: &Stopped) {
    let Some(step) = plan.steps.get(stopped.done) else {
        return;
    };
    let name = step.name();
    let title = match &stopped.error {
        ApplyError::Graph(GraphError::Refused(refusal)) => {
            format!("Graph refused {name}: {refusal}")
        }
        error => format!("{name}: {error}"),
    };
    let told = text::in_place(&set.sources, stopped.place, &title, colours());
    println!("\n{told}");
    if let Some(advice) = advice(&step.what, &stopped.error) {
        println!("{advice}\n");
    }
    print_rest(plan, stopped.done);
}

/// Ctrl-C ends the request that is under way; whether Graph did what it asked for
/// is found out by the next run.
fn print_interrupted(plan: &Plan, done: usize) {
    println!("\nInterrupted: the first one of these may be done, or not.");
    print_rest(plan, done);
}

fn print_rest(plan: &Plan, done: usize) {
    println!("Done: {done} of {} steps. Not done:", plan.steps.len());
    for step in plan.steps.iter().skip(done) {
        println!("  {}", visible_line(&step.name()));
    }
    println!("The same command goes on from here: what the tenant has is not sent again.");
}

/// What helps against refusals that are not about the policy.
fn advice(what: &What, error: &ApplyError) -> Option<String> {
    let ApplyError::Graph(GraphError::Refused(refusal)) = error else {
        return None;
    };
    let permission = match what {
        What::Policy(_) => "Policy.ReadWrite.TrustFramework",
        What::Key(_) => "TrustFrameworkKeySet.ReadWrite.All",
        What::Connector(_) => "APIConnectors.ReadWrite.All",
        What::Attachment(_) => "IdentityUserFlow.ReadWrite.All",
    };
    match refusal.status {
        401 => Some(format!(
            "The token in {TOKEN} is not valid, or no longer: get a new one."
        )),
        403 => Some(format!(
            "The token in {TOKEN} needs the permission {permission} at this tenant."
        )),
        _ => None,
    }
}

/// A line for each step that ended; what is under way, at a terminal.
struct Watcher {
    bar: ProgressBar,
    steps: usize,
}

impl Watcher {
    fn new(plan: &Plan) -> Self {
        let steps = plan.steps.len();
        let bar = ProgressBar::new(steps as u64);
        let template = "  {spinner:.cyan} [{pos}/{len}] {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(80));
        Self { bar, steps }
    }

    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Began(step) => self.bar.set_message(visible_line(&step.name())),
            Event::Waits { step, wait, why } => self.line(format_args!(
                "… {}: {}; again in {} s",
                named(step),
                visible_line(why),
                wait.as_secs_f32().ceil()
            )),
            Event::Ended(step, outcome) => {
                self.bar.inc(1);
                let outcome = match outcome {
                    Outcome::Created => "created",
                    Outcome::Updated => "updated",
                    Outcome::Unchanged => "unchanged",
                    Outcome::LeftAlone => "there is one, left alone",
                };
                let done = self.bar.position();
                let steps = self.steps;
                self.line(format_args!("✓ {done}/{steps} {}: {outcome}", named(step)));
            }
        }
    }

    /// How many steps have ended.
    fn done(&self) -> usize {
        usize::try_from(self.bar.position()).unwrap_or(self.steps)
    }

    fn line(&self, text: std::fmt::Arguments<'_>) {
        self.bar.suspend(|| println!("{text}"));
    }
}

fn named(step: &Step) -> String {
    visible_line(&step.name())
}

/// What comes next stands alone.
impl Drop for Watcher {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
