//! From policies to a tenant: what is sent to Microsoft Graph, and in which
//! order. README.md says what is read beside the policies.

pub mod apply;
mod blame;
pub mod graph;
mod requests;
mod same;
pub mod templates;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build;
use super::finding::{Finding, Severity};
use super::set::{ChainProblem, PolicyFile, PolicySet};
use super::source::{FileId, Sources, Span};
use super::xml::Attribute;
pub use requests::{Body, Request};
use templates::{ApiConnector, Attachment, Connector, Key, Template, TemplateError};

/// What is to be sent, in its order: keys and connectors before the policies
/// and user flows that name them, a policy's base before the policy.
#[derive(Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// The tenant that all policies are for.
    pub tenant: Option<String>,
    /// Policies that others inherit from and that are not among the files: they
    /// have to be at the tenant.
    pub expected: Vec<String>,
    /// Why the plan cannot be applied.
    pub problems: Vec<Finding>,
}

/// One thing that is there afterwards.
#[derive(Debug)]
pub struct Step {
    pub what: What,
    /// The file that asks for it.
    pub path: PathBuf,
    pub file: FileId,
}

#[derive(Debug)]
pub enum What {
    Key(Key),
    Connector(ApiConnector),
    Policy(Policy),
    Attachment(Attachment),
}

#[derive(Debug)]
pub struct Policy {
    pub id: String,
    /// The file as it is.
    pub content: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct Unreadable {
    path: PathBuf,
    cause: io::Error,
}

/// A JSON file that was found beside policies.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    file: FileId,
}

/// Reads the JSON files of the same paths that the policies come from.
pub fn read_templates(sources: &mut Sources, paths: &[PathBuf]) -> Result<Vec<Found>, Unreadable> {
    let mut files = BTreeSet::new();
    for path in paths {
        find(path, &mut files)?;
    }
    let mut found = Vec::new();
    for path in files {
        let text = fs::read(&path).map_err(unreadable(&path))?;
        // What is no text is nothing that a plan reads.
        let Ok(text) = String::from_utf8(text) else {
            continue;
        };
        if templates::is_one(&path, &text) {
            let file = sources.add(path, text);
            found.push(Found { file });
        }
    }
    Ok(found)
}

fn find(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Unreadable> {
    if !path.is_dir() {
        if is_json(path) {
            files.insert(path.to_owned());
        }
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable(path))?;
    let entries: Vec<_> = entries
        .collect::<Result<_, _>>()
        .map_err(unreadable(path))?;
    let named = |entry: &fs::DirEntry, name| entry.file_name().eq_ignore_ascii_case(name);
    // As with policies: what was built of this folder is another one's.
    let is_author = entries.iter().any(|entry| named(entry, "appsettings.json"));
    for entry in entries {
        let name = entry.file_name();
        let is_left_out = name.as_encoded_bytes().starts_with(b".")
            || named(&entry, "node_modules")
            || named(&entry, "appsettings.json")
            || (is_author && named(&entry, "environments"));
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match (is_left_out, is_folder) {
            (true, _) => {}
            (false, true) => find(&entry.path(), files)?,
            (false, false) if is_json(&entry.path()) && entry.path().is_file() => {
                files.insert(entry.path());
            }
            (false, false) => {}
        }
    }
    Ok(())
}

fn is_json(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Unreadable + use<'_> {
    |cause| Unreadable {
        path: path.to_owned(),
        cause,
    }
}

/// Plans what the policies and the files beside them ask for.
pub fn plan(set: &PolicySet, templates: &[Found]) -> Result<Plan, Unreadable> {
    let mut plan = Plan::default();
    let mut attachments = Vec::new();
    for found in templates {
        let before = plan.problems.len();
        plan.problems
            .extend(build::left_over(&set.sources, found.file));
        if plan.problems.len() > before {
            continue;
        }
        if let Err(error) = plan.add_template(&set.sources, found.file, &mut attachments) {
            plan.add_problem(found.file, &error);
        }
    }
    // Keys before connectors, each in the order of the files.
    plan.steps
        .sort_by_key(|step| matches!(step.what, What::Connector(_)));
    plan.refuse_repeated(&set.sources);
    plan.add_policies(set)?;
    plan.steps.extend(attachments);
    Ok(plan)
}

impl Plan {
    fn add_template(
        &mut self,
        sources: &Sources,
        file: FileId,
        attachments: &mut Vec<Step>,
    ) -> Result<(), TemplateError> {
        let source = sources.get(file);
        let step = |what| Step {
            what,
            path: source.path().to_owned(),
            file,
        };
        let text = templates::without_mark(source.text());
        let value: Value = serde_json::from_str(text).map_err(TemplateError::Syntax)?;
        match Template::of(source.path(), &value) {
            Some(Template::Keys) => {
                let keys = templates::keys(text)?;
                self.steps.extend(keys.into_iter().map(What::Key).map(step));
            }
            Some(Template::ApiConnector) => {
                let connector = templates::connector(&value)?;
                self.steps.push(step(What::Connector(connector)));
            }
            Some(Template::UserFlow) => {
                let found = templates::attachments(&value)?;
                attachments.extend(found.into_iter().map(What::Attachment).map(step));
            }
            None => {}
        }
        Ok(())
    }

    fn add_problem(&mut self, file: FileId, error: &TemplateError) {
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        let finding = Finding::new(33, Severity::Error, span, error.to_string());
        self.problems.push(finding);
    }

    /// The same key or connector in two files: nobody knows which one counts.
    fn refuse_repeated(&mut self, sources: &Sources) {
        let mut seen: HashMap<String, FileId> = HashMap::new();
        let mut problems = Vec::new();
        for step in &self.steps {
            let name = step.name();
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), step.file) {
                let span = Span {
                    file: step.file,
                    start: 0,
                    end: 0,
                };
                let first = sources.get(first).path().display();
                let message = format!("{name} is planned twice: {first} has it, too");
                problems.push(Finding::new(33, Severity::Error, span, message));
            }
        }
        self.problems.extend(problems);
    }

    fn add_policies(&mut self, set: &PolicySet) -> Result<(), Unreadable> {
        self.problems.extend(set.broken.iter().cloned());
        let mut order: Vec<(usize, String, &PolicyFile, &Attribute)> = Vec::new();
        let mut first: HashMap<String, &Attribute> = HashMap::new();
        let mut expected = BTreeSet::new();
        for policy in &set.files {
            self.problems
                .extend(build::left_over(&set.sources, policy.file));
            let Some(id) = &policy.id else {
                let span = policy.document.root.name_span;
                let message = "the policy has no PolicyId, and cannot be uploaded without";
                self.problems
                    .push(Finding::new(2, Severity::Error, span, message));
                continue;
            };
            let name = id.value.to_lowercase();
            if let Some(other) = first.insert(name.clone(), id) {
                self.problems.push(
                    Finding::new(
                        5,
                        Severity::Error,
                        id.value_span,
                        format!(
                            "two files hold the policy {}: plan one set at a time",
                            id.value
                        ),
                    )
                    .related(other.value_span, "the other one"),
                );
            }
            let chain = set.lineage(policy.file);
            order.push((chain.len(), name, policy, id));
            self.refuse_broken_chain(set, policy);
            let base = policy.base.as_ref().and_then(|base| base.policy.as_ref());
            if let (Some(base), None) = (base, policy.base_file()) {
                expected.insert(base.value.to_string());
            }
        }
        // A base has the shorter chain; ids make the order the same every time.
        order.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        self.expected = expected.into_iter().collect();
        self.find_tenant(
            &order
                .iter()
                .map(|(_, _, policy, _)| *policy)
                .collect::<Vec<_>>(),
        );
        for (_, _, policy, id) in order {
            let path = set.sources.get(policy.file).path();
            self.steps.push(Step {
                what: What::Policy(Policy {
                    id: id.value.to_string(),
                    content: fs::read(path).map_err(unreadable(path))?,
                }),
                path: path.to_owned(),
                file: policy.file,
            });
        }
        Ok(())
    }

    /// There is no order for policies that inherit from each other.
    fn refuse_broken_chain(&mut self, set: &PolicySet, policy: &PolicyFile) {
        let Some(base) = &policy.base else {
            return;
        };
        let message = match set.chain(policy.file) {
            Err(ChainProblem::Cycle { .. }) => {
                "the policy inherits from itself or from policies that do: none of them can be the \
                 first one"
            }
            Err(ChainProblem::Unnamed { file }) if file == policy.file => {
                "the BasePolicy names no policy"
            }
            // The tenant may have it, or it is told where two files hold it.
            Err(
                ChainProblem::Missing { .. }
                | ChainProblem::Ambiguous { .. }
                | ChainProblem::Unnamed { .. },
            )
            | Ok(_) => return,
        };
        let finding = Finding::new(5, Severity::Error, base.span, message);
        self.problems.push(finding);
    }

    fn find_tenant(&mut self, policies: &[&PolicyFile]) {
        let mut first: Option<&Attribute> = None;
        for tenant in policies.iter().filter_map(|policy| policy.tenant.as_ref()) {
            match first {
                None => first = Some(tenant),
                Some(first) if first.value.eq_ignore_ascii_case(&tenant.value) => {}
                Some(first) => self.problems.push(
                    Finding::new(
                        4,
                        Severity::Error,
                        tenant.value_span,
                        format!(
                            "this policy is for the tenant {}, others are for {}: plan one at a time",
                            tenant.value, first.value
                        ),
                    )
                    .related(first.value_span, "the other tenant"),
                ),
            }
        }
        self.tenant = first.map(|tenant| tenant.value.to_string());
    }
}

impl Step {
    /// As people are told it.
    pub fn name(&self) -> String {
        match &self.what {
            What::Key(key) => format!("key {}", key.id),
            What::Connector(connector) => format!("API connector {}", connector.name),
            What::Policy(policy) => format!("policy {}", policy.id),
            What::Attachment(Attachment {
                flow,
                step,
                connector,
            }) => {
                let connector = match connector {
                    Connector::Named(name) => format!("API connector {name}"),
                    Connector::WithId(id) => format!("API connector {id}"),
                    Connector::None => "no API connector".to_owned(),
                };
                format!("user flow {flow}, {step}: {connector}")
            }
        }
    }
}
