//! Walks through the policies of a checkout, one relying party after the other,
//! as somebody in a browser would: does each load, and does it complete.
//! README.md beside the stories (`tests/stories`) tells what a policy may need.

mod browser;
mod buttons;
mod come_true;
mod desk;
mod ends;
mod expect;
mod filling;
mod hands;
mod html;
mod page;
mod report;
mod robot;
mod sample;
mod sets;
mod story;
mod tokens;
mod ways;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use reqwest::{Client, redirect};

pub(crate) use self::report::{Amount, Report, text};
use self::{
    browser::REDIRECT_URI,
    desk::Desk,
    report::{ObstacleKind, Party, Verdict, Way},
    sets::{Checkout, Known},
    story::{Story, StoryError},
    ways::{Ground, Which},
};
use super::{
    Application, Fidelity, Policies, Settings, missing_keys,
    policies::{self, LoadError, Loaded, Obstacle, Request},
    start,
};

const TENANT: &str = "contoso";
/// Nothing on one's own machine takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to walk through, and how.
pub(crate) struct Plan {
    pub(crate) paths: Vec<PathBuf>,
    /// Files, or folders of them.
    pub(crate) stories: Vec<PathBuf>,
    /// Policies or folders whose name has one of these in it; all if there is
    /// none.
    pub(crate) only: Vec<String>,
    /// Where traces are kept.
    pub(crate) traces: Option<PathBuf>,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Story(#[from] StoryError),
    #[error("no relying party has {0} in its id or its folder")]
    Nothing(String),
    #[error("no client for HTTP could be made")]
    Client(#[from] reqwest::Error),
    #[error("the survey's own task failed")]
    Task(#[from] tokio::task::JoinError),
}

/// One relying party to walk through.
struct Task {
    party: Known,
    /// The folder's name for people.
    set: String,
    story: Option<Story>,
    /// Set for a file that cannot even be read.
    broken: Option<Obstacle>,
}

/// `told` hears how many are done, of how many, and which was the last.
pub(crate) async fn survey(
    plan: &Plan,
    told: &(dyn Fn(usize, usize, &str) + Sync),
) -> Result<Report, SurveyError> {
    let began = Instant::now();
    let stories = story::read(&plan.stories)?;
    let request = request(plan.paths.clone(), BTreeMap::new());
    let checkout = tokio::task::spawn_blocking({
        let request = request.clone();
        move || Checkout::read(&request)
    });
    let checkout = &checkout.await??;
    let (tasks, untold) = tasks(plan, checkout, stories)?;
    let http = client()?;
    let (number, done) = (tasks.len(), std::sync::atomic::AtomicUsize::new(0));
    let (http, done) = (&http, &done);
    let walked = stream::iter(tasks.iter().enumerate()).map(|(at, task)| async move {
        let party = walk(plan, checkout, http, task).await;
        let before = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        told(before + 1, number, &party.policy);
        (at, party)
    });
    let at_once = thread::available_parallelism().map_or(2, Into::into);
    let mut parties: Vec<(usize, Party)> = walked.buffer_unordered(at_once).collect().await;
    parties.sort_by_key(|(at, _)| *at);
    let parties = parties.into_iter().map(|(_, party)| party).collect();
    Ok(Report::new(parties, untold, milliseconds(began)))
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn client() -> reqwest::Result<Client> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .build()
}

fn request(paths: Vec<PathBuf>, settings: BTreeMap<String, String>) -> Request {
    let tenant = Settings::new(TENANT);
    Request {
        paths,
        environment: None,
        settings,
        only: Vec::new(),
        domain: format!("{TENANT}.onmicrosoft.com"),
        tenant_id: tenant.tenant_id,
        extensions_app_id: tenant.extensions_app_id,
    }
}

/// Each relying party with its story; and the stories that have none.
fn tasks(
    plan: &Plan,
    checkout: &Checkout,
    stories: Vec<Story>,
) -> Result<(Vec<Task>, Vec<String>), SurveyError> {
    let broken = checkout.broken.iter().map(|(path, obstacle)| {
        let party = Known::unreadable(path);
        (party, Some(obstacle.clone()))
    });
    let parties = checkout.parties.iter().map(|party| (party.clone(), None));
    let mut all: Vec<_> = parties.chain(broken).collect();
    all.sort_by(|(one, _), (other, _)| one.path.cmp(&other.path));
    let shared = shared(all.iter().map(|(party, _)| party.path.as_path()));
    let mut tasks: Vec<Task> = all
        .into_iter()
        .map(|(party, broken)| Task {
            set: set_name(&party.path, &shared),
            party,
            story: None,
            broken,
        })
        .collect();
    let mut untold = Vec::new();
    for story in stories {
        // Of several the one that lies less deep: packs hold packs.
        let about = tasks.iter_mut().filter(|task| {
            task.broken.is_none() && story.is_about(&task.party.policy, &task.party.path)
        });
        match about.min_by_key(|task| task.party.path.components().count()) {
            Some(task) => task.story = Some(story),
            None => untold.push(story.title),
        }
    }
    if !plan.only.is_empty() {
        untold.clear();
        tasks.retain(|task| plan.only.iter().any(|only| task.is_called(only)));
    }
    match tasks.is_empty() {
        true => Err(SurveyError::Nothing(plan.only.join(" or "))),
        false => Ok((tasks, untold)),
    }
}

impl Task {
    fn is_called(&self, only: &str) -> bool {
        let only = only.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&only);
        has(&self.party.policy) || has(&self.set)
    }
}

/// The folders that all paths begin with.
fn shared<'p>(mut paths: impl Iterator<Item = &'p Path>) -> PathBuf {
    let first = paths.next().and_then(Path::parent).unwrap_or(Path::new(""));
    paths.fold(first.to_owned(), |shared, path| {
        let pairs = shared.components().zip(path.components());
        let same = pairs.take_while(|(one, other)| one == other);
        same.map(|(one, _)| one).collect()
    })
}

fn set_name(file: &Path, shared: &Path) -> String {
    let folder = file.parent().unwrap_or(Path::new(""));
    let own = folder.strip_prefix(shared).unwrap_or(folder);
    let name = match own.as_os_str().is_empty() {
        true => folder.file_name().map(PathBuf::from).unwrap_or_default(),
        false => own.to_owned(),
    };
    name.display().to_string()
}

async fn walk(plan: &Plan, checkout: &Checkout, http: &Client, task: &Task) -> Party {
    let began = Instant::now();
    let mut party = Party {
        set: task.set.clone(),
        policy: task.party.policy.clone(),
        file: task.party.path.display().to_string(),
        pack: None,
        story: task.story.as_ref().map(|story| story.title.clone()),
        verdict: Verdict::Refuses,
        obstacles: Vec::new(),
        happy: Way::default(),
        refused: Way::default(),
        cancelled: Way::default(),
        took_ms: 0,
    };
    match ready(checkout, task) {
        Ok((policies, pack)) => {
            party.pack = pack;
            if let Err(why) = walk_ways(plan, http, task, policies, &mut party).await {
                party.happy = Way::wrong(why);
            }
        }
        Err((kind, obstacles)) => {
            let obstacles = obstacles.into_iter();
            party.obstacles = obstacles.map(|found| told_of(kind, found)).collect();
        }
    }
    party.verdict = party.judge();
    party.took_ms = milliseconds(began);
    party
}

fn told_of(kind: ObstacleKind, obstacle: Obstacle) -> report::Obstacle {
    report::Obstacle {
        kind,
        place: obstacle
            .place
            .map(|place| format!("{}:{}", place.file, place.line)),
        what: obstacle.what,
        mend: obstacle.mend,
    }
}

type NotReady = (ObstacleKind, Vec<Obstacle>);

/// The policies that the task needs, and the folder of their base.
fn ready(checkout: &Checkout, task: &Task) -> Result<(Policies, Option<String>), NotReady> {
    if let Some(broken) = &task.broken {
        return Err((ObstacleKind::DoesNotLoad, vec![broken.clone()]));
    }
    let story = task.story.as_ref();
    let settings = story
        .map(|story| story.settings.clone())
        .unwrap_or_default();
    let others = story.into_iter().flat_map(|story| story.policies());
    let mut parties = vec![&task.party];
    parties.extend(others.filter_map(|policy| checkout.beside(&task.party, policy)));
    let mut policies = Policies::default();
    let mut pack = None;
    for party in parties {
        let is_there = |known: &str| known.eq_ignore_ascii_case(&party.policy);
        if policies
            .programs
            .iter()
            .any(|program| is_there(&program.id))
        {
            continue;
        }
        let request = request(Vec::new(), settings.clone());
        let chain = checkout.chain(party, story, &request);
        let chain = chain.map_err(|obstacle| (ObstacleKind::DoesNotLoad, vec![obstacle]))?;
        let loaded = load(party, &chain.files, request)?;
        policies.programs.extend(loaded.policies.programs);
        pack = pack.or(chain.pack);
    }
    let pack = pack.map(|pack| pack.display().to_string());
    Ok((policies, pack))
}

fn load(party: &Known, files: &[PathBuf], request: Request) -> Result<Loaded, NotReady> {
    let request = Request {
        paths: files.to_vec(),
        ..request
    };
    let mut loaded = policies::load(&request).map_err(|error| {
        let obstacle = Obstacle {
            place: None,
            what: error.to_string(),
            mend: "Mend the files".to_owned(),
        };
        (ObstacleKind::DoesNotLoad, vec![obstacle])
    })?;
    // A base may be a relying party of its own, and no business of this one.
    let is_it = |id: &str| id.eq_ignore_ascii_case(&party.policy);
    loaded
        .policies
        .programs
        .retain(|program| is_it(&program.id));
    match loaded.policies.programs.is_empty() {
        false => Ok(loaded),
        true => {
            let refused = loaded.policies.refused.into_iter();
            let obstacles = refused.flat_map(|refused| refused.obstacles);
            Err((ObstacleKind::Unsupported, obstacles.collect()))
        }
    }
}

async fn walk_ways(
    plan: &Plan,
    http: &Client,
    task: &Task,
    policies: Policies,
    party: &mut Party,
) -> Result<(), String> {
    let story = task.story.as_ref();
    let client_id = story.and_then(|story| story.client_id.as_deref());
    let client_id = client_id.unwrap_or(CLIENT_ID).to_owned();
    let mut settings = Settings::new(TENANT);
    if story.is_some_and(|story| story.lenient) {
        settings.fidelity = Fidelity::Lenient;
    }
    settings.user_flows.clear();
    let keys = missing_keys(&policies, &settings.policy_keys);
    settings.policy_keys = keys.map_err(|error| error.to_string())?;
    settings.policies = policies;
    settings.applications = applications(&client_id, story);
    let emulator = start(settings).await.map_err(|error| error.to_string())?;
    let ground = Ground {
        http: http.clone(),
        desk: Desk::new(http.clone(), emulator.base_url()),
        base: emulator.base_url(),
        tenant: format!("{TENANT}.onmicrosoft.com"),
        policy: task.party.policy.clone(),
        client_id,
        story,
        traces: plan.traces.as_ref(),
        name: file_name(&format!("{}-{}", task.set, task.party.policy)),
    };
    party.happy = ground.walk(Which::Happy).await;
    party.refused = ground.walk(Which::Refused).await;
    party.cancelled = ground.walk(Which::Cancelled).await;
    emulator.stop().await;
    Ok(())
}

const CLIENT_ID: &str = "5a7e1f0c-9d3b-4c62-8b15-d2f4e6a80917";

fn applications(client_id: &str, story: Option<&Story>) -> Vec<Application> {
    let others = story.into_iter().flat_map(|story| story.client_ids());
    let mut ids: Vec<&str> = std::iter::once(client_id).chain(others).collect();
    ids.sort_unstable();
    ids.dedup();
    let applications = ids.into_iter().map(|id| Application {
        client_id: id.to_owned(),
        name: "Survey".to_owned(),
        secret: None,
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        post_logout_redirect_uris: Vec::new(),
    });
    applications.collect()
}

fn file_name(text: &str) -> String {
    text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_called_as_it_is_told_from_the_others() {
        let paths = ["/c/samples/a/policy/x.xml", "/c/samples/b/y.xml"].map(Path::new);
        let shared = shared(paths.into_iter());
        assert_eq!(shared, Path::new("/c/samples"));
        let names = paths.map(|path| set_name(path, &shared));
        assert_eq!(names, ["a/policy", "b"]);
        assert_eq!(set_name(paths[1], Path::new("/c/samples/b")), "b");
    }
}
