//! What a survey found, in words that its formats share.

mod html;
mod text;

use serde::Serialize;

pub(crate) use self::text::{Amount, text};

/// All policies that were looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) totals: Totals,
    pub(crate) parties: Vec<Party>,
    /// Stories whose policy is in none of the paths.
    pub(crate) untold: Vec<String>,
    pub(crate) took_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) policies: usize,
    pub(crate) completes: usize,
    pub(crate) refuses: usize,
    pub(crate) wrong: usize,
    pub(crate) stories: usize,
    pub(crate) stories_failed: usize,
}

/// One relying party.
#[derive(Debug, Serialize)]
pub(crate) struct Party {
    /// The folder it lies in, as far as it tells it from others.
    pub(crate) set: String,
    pub(crate) policy: String,
    pub(crate) file: String,
    /// The folder of the base, where it is another one.
    pub(crate) pack: Option<String>,
    pub(crate) story: Option<String>,
    pub(crate) verdict: Verdict,
    /// What keeps it from running.
    pub(crate) obstacles: Vec<Obstacle>,
    pub(crate) happy: Way,
    pub(crate) refused: Way,
    pub(crate) cancelled: Way,
    pub(crate) took_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Completes,
    /// With reasons: it is not run, or its journey ends otherwise than with a
    /// token and says why.
    Refuses,
    /// Something came that should not.
    Wrong,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Obstacle {
    pub(crate) kind: ObstacleKind,
    /// `file:line`.
    pub(crate) place: Option<String>,
    pub(crate) what: String,
    pub(crate) mend: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ObstacleKind {
    DoesNotLoad,
    Unsupported,
}

/// One of the three ways through a journey.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Way {
    pub(crate) outcome: Outcome,
    /// Where it ended, or why not as it should have.
    pub(crate) reason: String,
    pub(crate) visits: Vec<Visited>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// As it should.
    Done,
    /// The journey ends on a page that leads nowhere: many are made so.
    Page,
    /// The journey refuses, and says why.
    Refused,
    /// There is no such way through it.
    NoSuchWay,
    Wrong,
    #[default]
    NotTried,
}

#[derive(Debug, Serialize)]
pub(crate) struct Visited {
    pub(crate) about: String,
    pub(crate) end: String,
    pub(crate) steps: Vec<Step>,
    /// File of the trace, beneath the folder for traces.
    pub(crate) trace: Option<String>,
    pub(crate) took_ms: u64,
}

/// A page, and what was done on it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Step {
    pub(crate) page: String,
    pub(crate) says: Vec<String>,
    pub(crate) typed: Vec<(String, String)>,
    /// The button's id.
    pub(crate) pressed: Option<String>,
}

impl Report {
    pub(super) fn new(parties: Vec<Party>, untold: Vec<String>, took_ms: u64) -> Self {
        let count = |verdict| {
            parties
                .iter()
                .filter(|party| party.verdict == verdict)
                .count()
        };
        let told = || parties.iter().filter(|party| party.story.is_some());
        let totals = Totals {
            policies: parties.len(),
            completes: count(Verdict::Completes),
            refuses: count(Verdict::Refuses),
            wrong: count(Verdict::Wrong),
            stories: told().count(),
            stories_failed: told().filter(|party| !party.is_proven()).count(),
        };
        Self {
            totals,
            parties,
            untold,
            took_ms,
        }
    }
}

impl Party {
    pub(crate) fn ways(&self) -> [(&'static str, &Way); 3] {
        [
            ("happy", &self.happy),
            ("refused", &self.refused),
            ("cancelled", &self.cancelled),
        ]
    }

    /// Whether the story came true.
    fn is_proven(&self) -> bool {
        let is_right = |way: &Way| match way.outcome {
            Outcome::Done | Outcome::NoSuchWay => true,
            Outcome::Page | Outcome::Refused | Outcome::Wrong | Outcome::NotTried => false,
        };
        self.obstacles.is_empty() && self.ways().iter().all(|(_, way)| is_right(way))
    }

    /// What three ways, or what kept them from being tried, come to.
    pub(super) fn judge(&self) -> Verdict {
        if !self.obstacles.is_empty() {
            return Verdict::Refuses;
        }
        let is_wrong = |way: &Way| way.outcome == Outcome::Wrong;
        if self.ways().iter().any(|(_, way)| is_wrong(way)) {
            return Verdict::Wrong;
        }
        match self.happy.outcome {
            Outcome::Done | Outcome::Page => Verdict::Completes,
            Outcome::Refused | Outcome::NoSuchWay | Outcome::NotTried => Verdict::Refuses,
            Outcome::Wrong => Verdict::Wrong,
        }
    }

    /// The one line that says why it is not whole.
    pub(crate) fn reason(&self) -> String {
        if let Some(first) = self.obstacles.first() {
            let more = match self.obstacles.len() {
                1 => String::new(),
                several => format!(" (and {} more)", several - 1),
            };
            return format!("{}{more}", first.what);
        }
        let ways = self.ways();
        let wrong = ways.iter().find(|(_, way)| way.outcome == Outcome::Wrong);
        let refused = || ways.iter().find(|(_, way)| way.outcome == Outcome::Refused);
        match wrong.or_else(refused) {
            Some((name, way)) => format!("{name}: {}", way.reason),
            None => String::new(),
        }
    }
}

impl Way {
    pub(super) fn wrong(reason: String) -> Self {
        Self {
            outcome: Outcome::Wrong,
            reason,
            visits: Vec::new(),
        }
    }
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Completes => "completes",
            Self::Refuses => "refuses",
            Self::Wrong => "wrong",
        }
    }
}

impl Outcome {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "yes",
            Self::Page => "page",
            Self::Refused => "refused",
            Self::NoSuchWay => "none",
            Self::Wrong => "WRONG",
            Self::NotTried => "-",
        }
    }
}
