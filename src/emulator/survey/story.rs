//! What one policy needs besides its files, and what it is there to prove:
//! written by hand, in TOML. README.md beside the stories explains it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    pub(crate) title: String,
    /// `PolicyId` of the relying party, in any case.
    pub(super) policy: String,
    /// The folders that its file lies in: `impersonation/policy`, or one of
    /// them.
    pub(super) folder: PathBuf,
    /// The folder of the base, where several would do.
    #[serde(default)]
    pub(super) pack: Option<PathBuf>,
    /// Policies that stand between the relying party and its pack, beside the
    /// story's own file.
    #[serde(default)]
    pub(super) files: Vec<PathBuf>,
    /// Values of `{Settings:…}`.
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    /// As `POST /__emulator/users` takes them.
    #[serde(default)]
    pub(super) users: Vec<Map<String, Value>>,
    /// As `PUT /__emulator/rest` takes them.
    #[serde(default)]
    pub(super) rest: Vec<Map<String, Value>>,
    #[serde(default)]
    pub(super) client_id: Option<String>,
    /// Runs as `idlink emulate --lenient` does.
    #[serde(default)]
    pub(super) lenient: bool,
    #[serde(default)]
    pub(super) happy: Vec<Visit>,
    #[serde(default)]
    pub(super) refused: Vec<Visit>,
    #[serde(default)]
    pub(super) cancelled: Vec<Visit>,
}

/// One way through a journey, from the application and back, or to where it
/// stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Visit {
    /// What happens here, for who reads the report.
    pub(super) about: String,
    /// Another relying party of the same folder.
    pub(super) policy: Option<String>,
    /// Parameters of the authorization request besides the usual ones.
    pub(super) request: BTreeMap<String, String>,
    pub(super) client_id: Option<String>,
    /// Ids of the buttons to press on pages that offer a choice, in order.
    pub(super) press: Vec<String>,
    /// By input: what is typed instead of what the robot thinks of.
    #[serde(rename = "type")]
    pub(super) typed: BTreeMap<String, Typed>,
    /// Texts that were to be read on the way.
    pub(super) shows: Vec<String>,
    /// Inputs that were there on the way.
    pub(super) asks: Vec<String>,
    /// Inputs that never were.
    pub(super) never_asks: Vec<String>,
    // One of the next four.
    /// Claims of the token; `*` is any value.
    pub(super) token: Option<Map<String, Value>>,
    /// Part of what the application is told as an error.
    pub(super) error: Option<String>,
    /// Part of what a page says that stays.
    pub(super) message: Option<String>,
    /// Part of what the page says that the journey ends on.
    pub(super) page: Option<String>,
    /// Claims that the token does not have.
    pub(super) token_lacks: Vec<String>,
    /// Users that are in the directory afterwards.
    pub(super) directory: Vec<InDirectory>,
    /// REST calls that were made.
    pub(super) calls: Vec<Called>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Typed {
    Text(String),
    Flag(bool),
    Items(Vec<String>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct InDirectory {
    /// Members by which it is found.
    pub(super) find: Map<String, Value>,
    /// What it has besides. Left out together with `absent`: that it is there.
    pub(super) has: Map<String, Value>,
    /// Nobody is to be found.
    pub(super) absent: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Called {
    /// The technical profile, in any case.
    pub(super) profile: String,
    /// Members of the body, at least these.
    pub(super) sent: Map<String, Value>,
    /// It was not called at all.
    pub(super) never: bool,
}

/// Why a story cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoryError {
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{}: {}", .0.display(), .1)]
    Malformed(PathBuf, String),
    #[error("{}: the story \"{}\" {}", .0.display(), .1, .2)]
    Unclear(PathBuf, String, &'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    story: Vec<Story>,
}

/// The stories of files, and of all `*.toml` in folders.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Story>, StoryError> {
    let mut stories = Vec::new();
    for path in paths {
        for file in files(path)? {
            let text = fs::read_to_string(&file)
                .map_err(|error| StoryError::Unreadable(file.clone(), error))?;
            stories.extend(parse(&file, &text)?);
        }
    }
    Ok(stories)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, StoryError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error| StoryError::Unreadable(path.to_owned(), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Story>, StoryError> {
    let file: File = toml_edit::de::from_str(text)
        .map_err(|error| StoryError::Malformed(path.to_owned(), error.to_string()))?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let stories = file.story.into_iter();
    stories
        .map(|mut story| {
            if let Some(why) = story.unclear() {
                return Err(StoryError::Unclear(path.to_owned(), story.title, why));
            }
            for file in &mut story.files {
                *file = beside.join(&file);
            }
            Ok(story)
        })
        .collect()
}

impl Story {
    fn unclear(&self) -> Option<&'static str> {
        if self.happy.is_empty() {
            return Some("has no [[story.happy]]");
        }
        let mut visits = self
            .happy
            .iter()
            .chain(&self.refused)
            .chain(&self.cancelled);
        let has_one_end = |visit: &Visit| {
            let ends = [
                visit.token.is_some(),
                visit.error.is_some(),
                visit.message.is_some(),
                visit.page.is_some(),
            ];
            ends.iter().filter(|end| **end).count() == 1
        };
        match visits.all(has_one_end) {
            true => None,
            false => Some("has a visit without exactly one of token, error, message, page"),
        }
    }

    /// Whether it is about the policy of this id in this file.
    pub(super) fn is_about(&self, policy: &str, file: &Path) -> bool {
        let folder = file.parent().unwrap_or(Path::new(""));
        self.policy.eq_ignore_ascii_case(policy) && lies_in(folder, &self.folder)
    }

    /// All relying parties that it runs.
    pub(super) fn policies(&self) -> impl Iterator<Item = &str> {
        let visits = self
            .happy
            .iter()
            .chain(&self.refused)
            .chain(&self.cancelled);
        let others = visits.filter_map(|visit| visit.policy.as_deref());
        std::iter::once(self.policy.as_str()).chain(others)
    }

    /// All applications that it knows.
    pub(super) fn client_ids(&self) -> impl Iterator<Item = &str> {
        let visits = self
            .happy
            .iter()
            .chain(&self.refused)
            .chain(&self.cancelled);
        let others = visits.filter_map(|visit| visit.client_id.as_deref());
        self.client_id.as_deref().into_iter().chain(others)
    }
}

/// Whether the names of `wanted` stand in `folder`, one after the other.
pub(super) fn lies_in(folder: &Path, wanted: &Path) -> bool {
    let names = |path: &Path| -> Vec<_> {
        let components = path.components();
        components
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name.to_owned()),
                _ => None,
            })
            .collect()
    };
    let (folder, wanted) = (names(folder), names(wanted));
    wanted.is_empty() || folder.windows(wanted.len()).any(|some| some == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = r#"
        [[story]]
        title = "Only some"
        policy = "B2C_1A_x"
        folder = "a/b"
        files = ["x/Between.xml"]
        users = [{ email = "ada@contoso.com", attributes = { extension_x = "1" } }]
        rest = [{ profile = "REST-x", reply = { status = 409, body = { userMessage = "No" } } }]

        [[story.happy]]
        type = { email = "a@b.example", tou = ["v1"], flag = true }
        token = { sub = "*", points = 12 }
        directory = [{ find = { email = "a@b.example" }, has = { isLocal = true } }]

        [[story.refused]]
        client_id = "other"
        message = "No"
    "#;

    #[test]
    fn a_story_says_what_is_there_what_is_done_and_what_comes_of_it() {
        let stories = parse(Path::new("stories/x.toml"), STORY).unwrap();
        let story = &stories[0];
        assert_eq!(story.files, [PathBuf::from("stories/x/Between.xml")]);
        assert_eq!(story.client_ids().collect::<Vec<_>>(), ["other"]);
        assert_eq!(
            Value::from(story.rest[0].clone()),
            serde_json::json!({
                "profile": "REST-x",
                "reply": { "status": 409, "body": { "userMessage": "No" } }
            })
        );
        let happy = &story.happy[0];
        assert_eq!(happy.token.as_ref().unwrap()["points"], 12);
        assert!(matches!(happy.typed["flag"], Typed::Flag(true)));
        assert!(story.is_about("b2c_1a_X", Path::new("/home/ada/a/b/c/RP.xml")));
        assert!(!story.is_about("B2C_1A_x", Path::new("/home/ada/a/c/b/RP.xml")));
    }

    #[test]
    fn what_is_wrong_with_a_story_is_said_with_its_line() {
        let x = Path::new("x.toml");
        for (text, reason) in [
            ("[[story]]\ntitle = 1", "line 2"),
            (
                "[[story]]\ntitle = 'a'\npolicy = 'p'\nfolder = ''\nhapy = []",
                "unknown field `hapy`",
            ),
            (
                "[[story]]\ntitle = 'a'\npolicy = 'p'\nfolder = ''",
                "has no [[story.happy]]",
            ),
            (
                "[[story]]\ntitle='a'\npolicy='p'\nfolder=''\n[[story.happy]]\nabout='x'",
                "exactly one of",
            ),
        ] {
            let error = parse(x, text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
