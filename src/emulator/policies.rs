//! From policy files, built or not, to programs that can run, and what keeps
//! the others from running.

mod fill;
mod keys;
mod local;
mod samples;

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use uuid::Uuid;

pub(crate) use self::{fill::Filled, keys::missing_keys};
use self::{fill::Filler, local::Home};
pub(crate) use super::engine::support::Obstacle;
use super::{
    audit::Dialect,
    engine::{
        program::Program,
        support,
        trace::{Note, Place},
    },
};
use crate::policy::{
    check::{self, Options},
    finding::{Finding, Severity},
    merge::folded,
    set::{ChainProblem, PolicyFile, PolicySet, ReadError},
    source::{FileId, Sources, Span},
};

/// The custom policies of a tenant.
#[derive(Clone, Default)]
pub struct Policies {
    pub(crate) programs: Vec<Arc<Program>>,
    /// Those that are not served, told on the index page.
    pub(crate) refused: Vec<Refused>,
}

impl Policies {
    pub(crate) fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// The ids of those that are served.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().map(|program| program.id.as_str())
    }

    pub(crate) fn refused(&self) -> &[Refused] {
        &self.refused
    }
}

/// A policy that the emulator does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// `PolicyId`; a file without one by its path.
    pub(crate) policy: String,
    pub(crate) obstacles: Vec<Obstacle>,
}

/// What to load, for which tenant.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) paths: Vec<PathBuf>,
    /// Of `appsettings.json`; the first that is not for production if none is
    /// named.
    pub(crate) environment: Option<String>,
    /// Values of `{Settings:…}` that count before those of `appsettings.json`.
    pub(crate) settings: BTreeMap<String, String>,
    /// The policies to serve; all of them if none is named.
    pub(crate) only: Vec<String>,
    /// `contoso.onmicrosoft.com`.
    pub(crate) domain: String,
    pub(crate) tenant_id: Uuid,
    pub(crate) extensions_app_id: String,
}

/// What was found.
pub(crate) struct Loaded {
    pub(crate) policies: Policies,
    /// What is done otherwise than the policy says, by policy.
    pub(crate) notes: Vec<(String, Note)>,
    /// Values that nobody chose.
    pub(crate) filled: Vec<Filled>,
    /// The environment of each folder's `appsettings.json`.
    pub(crate) environments: Vec<(PathBuf, String)>,
    /// What B2C would refuse in a policy that is served, in the words of
    /// `idlink policy check`.
    pub(crate) refused_by_b2c: Vec<String>,
}

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Settings(String),
    #[error(
        "no appsettings.json has an environment `{wanted}`; there is {}",
        match known.is_empty() {
            true => "none".to_owned(),
            false => known.join(", "),
        }
    )]
    NoEnvironment { wanted: String, known: Vec<String> },
    #[error(
        "there is no policy with a RelyingParty in {}: name the folder that holds the policies \
         applications use, and the one with their base",
        paths(.0)
    )]
    NoPolicy(Vec<PathBuf>),
    #[error("there is no policy `{wanted}` with a RelyingParty; there is {}", known.join(", "))]
    UnknownPolicy { wanted: String, known: Vec<String> },
}

fn paths(paths: &[PathBuf]) -> String {
    let paths = paths.iter().map(|path| path.display().to_string());
    paths.collect::<Vec<_>>().join(", ")
}

/// Reads, fills in, merges and looks at all that is asked for. Blocks for as
/// long as that takes.
pub(crate) fn load(request: &Request) -> Result<Loaded, LoadError> {
    let (set, filler) = filled(request)?;
    let options = Options::default();
    let set = check::with_bases(set, &options);
    if set.relying_parties().next().is_none() && set.broken.is_empty() {
        return Err(LoadError::NoPolicy(request.paths.clone()));
    }
    let wanted = wanted(&set, &request.only)?;
    let mut loaded = Loaded {
        policies: Policies::default(),
        notes: Vec::new(),
        refused_by_b2c: Vec::new(),
        environments: filler
            .environments()
            .map(|(folder, name)| (folder.to_owned(), name.to_owned()))
            .collect(),
        filled: Vec::new(),
    };
    let sources = Arc::new(set.sources.clone());
    let mut files: HashSet<FileId> = HashSet::new();
    for (id, same) in by_id(wanted) {
        match program(&set, &sources, &same) {
            Ok(program) => {
                files.extend(&program.effective.chain);
                loaded.add(program);
            }
            Err(obstacles) => loaded.policies.refused.push(Refused {
                policy: id,
                obstacles,
            }),
        }
    }
    if request.only.is_empty() {
        let broken = set.broken.iter().map(|finding| Refused {
            policy: place(&set.sources, finding.span).file,
            obstacles: vec![broken(&set, finding)],
        });
        loaded.policies.refused.extend(broken);
    }
    loaded.refused_by_b2c = refused_by_b2c(&set, &options, &files);
    loaded.filled = filler.into_local();
    Ok(loaded)
}

/// The policies as they are filled in, before any base is chosen.
pub(crate) fn read(request: &Request) -> Result<PolicySet, LoadError> {
    Ok(filled(request)?.0)
}

fn filled(request: &Request) -> Result<(PolicySet, Filler<'_>), LoadError> {
    let home = Home {
        domain: &request.domain,
        tenant_id: request.tenant_id,
        extensions_app_id: &request.extensions_app_id,
    };
    let environment = request.environment.as_deref();
    let filler = Filler::new(home, &request.settings, &request.paths, environment)?;
    let set = PolicySet::read_filled(&request.paths, &mut |path, text| filler.fill(path, text))?;
    Ok((set, filler))
}

impl Loaded {
    /// Serves the policy, unless the engine does not run all of it.
    fn add(&mut self, program: Program) {
        let found = support::look(&program);
        if !found.obstacles.is_empty() {
            self.policies.refused.push(Refused {
                policy: program.id,
                obstacles: found.obstacles,
            });
            return;
        }
        let notes = found.notes.into_iter();
        self.notes
            .extend(notes.map(|note| (program.id.clone(), note)));
        self.policies.programs.push(Arc::new(program));
    }
}

/// The policies to serve.
fn wanted<'a>(set: &'a PolicySet, only: &[String]) -> Result<Vec<&'a PolicyFile>, LoadError> {
    let all: Vec<&PolicyFile> = set.relying_parties().collect();
    let id = |file: &PolicyFile| file.policy_id().map(folded).unwrap_or_default();
    for wanted in only {
        if !all.iter().any(|file| id(file) == folded(wanted)) {
            let known = all.iter().filter_map(|file| file.policy_id());
            return Err(LoadError::UnknownPolicy {
                wanted: wanted.clone(),
                known: known.map(str::to_owned).collect(),
            });
        }
    }
    let is_wanted = |file: &&PolicyFile| {
        only.is_empty() || only.iter().any(|wanted| folded(wanted) == id(file))
    };
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// The files of each id, in their order.
fn by_id(files: Vec<&PolicyFile>) -> Vec<(String, Vec<&PolicyFile>)> {
    let mut found: Vec<(String, Vec<&PolicyFile>)> = Vec::new();
    for file in files {
        let id = file.policy_id().unwrap_or_default();
        match found.iter_mut().find(|(own, _)| folded(own) == folded(id)) {
            Some((_, same)) => same.push(file),
            None => found.push((id.to_owned(), vec![file])),
        }
    }
    found
}

fn program(
    set: &PolicySet,
    sources: &Arc<Sources>,
    same: &[&PolicyFile],
) -> Result<Program, Vec<Obstacle>> {
    let [file] = same else {
        return Err(several(set, same));
    };
    let at = |what: String, mend: &str| {
        vec![Obstacle {
            place: Some(place(sources, file.document.root.name_span)),
            what,
            mend: mend.to_owned(),
        }]
    };
    if file.policy_id().is_none_or(str::is_empty) {
        return Err(at("the policy has no PolicyId".to_owned(), "Give it one"));
    }
    if let Err(problem) = set.chain(file.file) {
        return Err(vec![of_chain(set, file, &problem)]);
    }
    let Some(effective) = set.effective(file.file) else {
        return Err(at(
            "the file holds no policy".to_owned(),
            "Take it out of the folder",
        ));
    };
    Program::new(Dialect::CustomPolicy, effective, sources.clone()).map_err(|error| {
        let mend = "Name a UserJourney of the policy or of its bases in DefaultUserJourney";
        at(error.to_string(), mend)
    })
}

/// Applications name a policy by its id: nobody can tell which one they mean.
fn several(set: &PolicySet, same: &[&PolicyFile]) -> Vec<Obstacle> {
    let files: Vec<String> = same
        .iter()
        .map(|file| set.sources.get(file.file).path().display().to_string())
        .collect();
    let span = |file: &PolicyFile| {
        let id = file.id.as_ref();
        id.map_or(file.document.root.name_span, |id| id.span)
    };
    let obstacles = same.iter().map(|file| Obstacle {
        place: Some(place(&set.sources, span(file))),
        what: format!(
            "{} is the PolicyId of {}",
            file.policy_id().unwrap_or_default(),
            files.join(" and of ")
        ),
        mend: "Name only one of these files or their folders".to_owned(),
    });
    obstacles.collect()
}

pub(crate) fn of_chain(set: &PolicySet, of: &PolicyFile, problem: &ChainProblem) -> Obstacle {
    let (file, what, mend) = match problem {
        ChainProblem::Missing { file, policy } => (
            *file,
            format!("the base policy {policy} is in none of the files"),
            "Name the folder that holds it with a further --policies".to_owned(),
        ),
        ChainProblem::Ambiguous {
            file, candidates, ..
        } => {
            let candidates = candidates
                .iter()
                .map(|file| set.sources.get(*file).path().display().to_string());
            let candidates: Vec<_> = candidates.collect();
            (
                *file,
                format!("the base policy is in {}", candidates.join(" and in ")),
                "Name only one of these files or their folders".to_owned(),
            )
        }
        ChainProblem::Unnamed { file } => (
            *file,
            "BasePolicy names no policy".to_owned(),
            "Write the base's id into its PolicyId".to_owned(),
        ),
        ChainProblem::Cycle { file } => (
            *file,
            "the policy inherits from one that inherits from it".to_owned(),
            "Let one of them be without a BasePolicy".to_owned(),
        ),
    };
    let file = set.get(file).unwrap_or(of);
    let base = file.base.as_ref().map(|base| base.span);
    let span = base.unwrap_or(file.document.root.name_span);
    Obstacle {
        place: Some(place(&set.sources, span)),
        what,
        mend,
    }
}

/// What is wrong with a file that cannot be read as a policy.
pub(crate) fn broken(set: &PolicySet, finding: &Finding) -> Obstacle {
    Obstacle {
        place: Some(place(&set.sources, finding.span)),
        what: finding.message.clone(),
        mend: "Mend the file, or take it out of the folder".to_owned(),
    }
}

/// The errors of the checker in the files that served policies are made of.
fn refused_by_b2c(set: &PolicySet, options: &Options, files: &HashSet<FileId>) -> Vec<String> {
    let report = check::check(set, options);
    let errors = report.findings.iter().filter(|finding| {
        finding.severity == Severity::Error && files.contains(&finding.span.file)
    });
    let told = errors.map(|finding| {
        let Place { file, line } = place(&set.sources, finding.span);
        format!("{file}:{line}: {}: {}", finding.rule, finding.message)
    });
    told.collect()
}

fn place(sources: &Sources, span: Span) -> Place {
    Place {
        file: sources.get(span.file).path().display().to_string(),
        line: sources.position(span).line,
    }
}

#[cfg(test)]
mod tests;
