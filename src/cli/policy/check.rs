//! `idlink policy check`: what B2C would refuse, before it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Misuse, colours, explain};
use crate::cli::Failure;
use crate::policy::build;
use crate::policy::check::{self, rules};
use crate::policy::finding::RuleId;
use crate::policy::report::{Entry, Report, json, sarif, text};
use crate::policy::set::PolicySet;
use crate::policy::source::Sources;
use crate::policy::user_flow::{self, Attributes, FlowFinding};

/// Check policies as B2C does when they are uploaded, and more
///
/// Every policy is checked together with what it inherits, every journey for
/// each relying party that runs it. Ends with 0 if there is no error, 1 if
/// there is one, 2 if the command cannot be carried out.
#[derive(Debug, Args)]
pub(super) struct CheckCommand {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Tell what a rule is about, and check nothing
    #[arg(long, value_name = "RULE", conflicts_with_all = ["paths", "flow"])]
    explain: Option<String>,
    /// End with 1 for warnings, too
    #[arg(long)]
    deny_warnings: bool,
    /// Check the export of a user flow, a file or a folder: whether it is safe
    /// to link customers by address
    #[arg(long, value_name = "PATH")]
    flow: Vec<PathBuf>,
    /// The user flow's attribute for the customer number
    #[arg(
        long,
        value_name = "NAME",
        default_value = "CustomerId",
        requires = "flow"
    )]
    customer_id: String,
    /// The user flow's attribute that says whether there is a link
    #[arg(
        long,
        value_name = "NAME",
        default_value = "CustomerLink",
        requires = "flow"
    )]
    customer_link: String,
    /// A base policy that the tenant has and that is not among the files
    #[arg(long, value_name = "POLICY_ID")]
    external: Vec<String>,
    /// The tenant that the policies are for, such as contoso.onmicrosoft.com
    #[arg(long)]
    tenant: Option<String>,
    /// The files are what is uploaded: nothing may be left to fill in. Files
    /// that `idlink policy build` wrote are known without it
    #[arg(long)]
    built: bool,
    /// The policies are for the people who sign in: warn of what helps only to
    /// develop
    #[arg(long)]
    production: bool,
    /// Policy files, or folders of them
    #[arg(required_unless_present_any = ["explain", "flow"], value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// An array of findings
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl CheckCommand {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        if let Some(rule) = &self.explain {
            println!("{}", explain::rule(rule)?);
            return Ok(ExitCode::SUCCESS);
        }
        let mut set = PolicySet::read(&self.paths).map_err(|error| Misuse(error.to_string()))?;
        if !self.paths.is_empty() && set.files.is_empty() && set.broken.is_empty() {
            return Err(Misuse("there is no policy in these paths".to_owned()).into());
        }
        let checked = check::check(&set, &self.options());
        let flow_findings = self.flow_findings(&mut set.sources)?;
        let findings = checked.findings.iter().map(Entry::from);
        let allowed = checked.allowed.iter();
        let allowed = allowed.map(|one| Entry::from(&one.finding).suppressed(&one.reason));
        let flows = flow_findings.iter().map(Entry::from);
        let report = Report::new(&set.sources, findings.chain(allowed).chain(flows));
        match self.format {
            Format::Text => self.print(&report, &checked),
            Format::Json => println!("{}", json::render(&report)?),
            Format::Sarif => {
                let root = std::env::current_dir()?;
                println!("{}", sarif::render(&report, &explain::catalogue(), &root)?);
            }
        }
        let counts = report.counts();
        let is_bad = counts.errors > 0 || (self.deny_warnings && counts.warnings > 0);
        Ok(match is_bad {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    }

    fn options(&self) -> check::Options {
        check::Options {
            external: self.external.clone(),
            tenant: self.tenant.clone(),
            built: self.built || self.paths.iter().any(|path| build::is_output(path)),
            production: self.production,
        }
    }

    fn print(&self, report: &Report<'_>, checked: &check::Report) {
        let general = |rule: &str| {
            let rule = rules::rule(RuleId::parse(rule)?)?;
            Some(rule.mend)
        };
        for finding in text::render(report, colours(), general) {
            println!("{finding}");
        }
        let counts = report.counts();
        let mut looked_at = Vec::new();
        if !self.paths.is_empty() {
            looked_at.push(number(checked.policies, "policy", "policies"));
            let parties = checked.relying_parties;
            looked_at.push(number(parties, "relying party", "relying parties"));
        }
        if !self.flow.is_empty() {
            looked_at.push(number(self.flow.len(), "user flow", "user flows"));
        }
        println!("{counts} in {}", looked_at.join(", "));
        if let Some(entry) = report.open().next() {
            let rule = &entry.rule;
            println!("More about a rule: idlink policy check --explain {rule}");
        }
    }

    fn flow_findings(&self, sources: &mut Sources) -> Result<Vec<FlowFinding>, Failure> {
        let attributes = Attributes {
            customer_id: self.customer_id.clone(),
            customer_link: self.customer_link.clone(),
        };
        let mut findings = Vec::new();
        for path in &self.flow {
            let misuse =
                |error: &dyn std::fmt::Display| Misuse(format!("{}: {error}", path.display()));
            let mut files = Vec::new();
            for path in exports(path).map_err(|error| misuse(&error))? {
                let text = fs::read(&path).map_err(|error| misuse(&error))?;
                let text = user_flow::text(&text)
                    .ok_or_else(|| misuse(&format!("{} is no text", path.display())))?;
                files.push(sources.add(path, text));
            }
            let found = user_flow::check(sources, &files, &attributes);
            findings.extend(found.map_err(|error| misuse(&error))?);
        }
        Ok(findings)
    }
}

/// The JSON files of a folder, or the file.
fn exports(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let extension = path.extension();
        if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn number(number: usize, one: &str, several: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {several}"),
    }
}
