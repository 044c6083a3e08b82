//! The three ways through a journey: to a token, refused, and out again by
//! cancelling.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    time::Instant,
};

use reqwest::Client;

use super::{
    come_true::Check,
    desk::Desk,
    ends::End,
    expect::Memory,
    filling::Person,
    report::{Outcome, Visited, Way},
    robot::{Errand, Goal, Patience, Robot, RobotError, Seen},
    story::{Story, Visit},
    tokens::{Asked, Metadata},
};

/// A running emulator that serves one relying party.
pub(super) struct Ground<'a> {
    pub(super) http: Client,
    pub(super) desk: Desk,
    pub(super) base: String,
    pub(super) tenant: String,
    pub(super) policy: String,
    pub(super) client_id: String,
    pub(super) story: Option<&'a Story>,
    pub(super) traces: Option<&'a PathBuf>,
    /// In front of the names of trace files.
    pub(super) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Happy,
    Refused,
    Cancelled,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    fn told(self, story: &Story) -> &[Visit] {
        match self {
            Self::Happy => &story.happy,
            Self::Refused => &story.refused,
            Self::Cancelled => &story.cancelled,
        }
    }
}

/// A way while it is walked.
struct Walking<'g> {
    ground: &'g Ground<'g>,
    which: Which,
    memory: Memory,
    visits: Vec<Visited>,
}

impl Ground<'_> {
    /// The story's visits where it tells of this way, else what the robot
    /// thinks of.
    pub(super) async fn walk(&self, which: Which) -> Way {
        let mut walking = Walking {
            ground: self,
            which,
            memory: Memory::default(),
            visits: Vec::new(),
        };
        let told = self
            .story
            .map(|story| which.told(story))
            .unwrap_or_default();
        let found = match self.desk.reset(self.story).await {
            Err(error) => Err(error.into()),
            Ok(()) if told.is_empty() => walking.by_itself().await,
            Ok(()) => walking.as_told(told).await,
        };
        let (outcome, reason) = found.unwrap_or_else(|error| (Outcome::Wrong, error.to_string()));
        Way {
            outcome,
            reason,
            visits: walking.visits,
        }
    }
}

type Found = (Outcome, String);

impl Walking<'_> {
    async fn by_itself(&mut self) -> Result<Found, RobotError> {
        match self.which {
            Which::Happy => self.happy().await,
            Which::Refused => self.refused().await,
            Which::Cancelled => self.cancelled().await,
        }
    }

    /// As whoever the pages seem to ask for; if that does not do, as somebody
    /// new and as somebody known.
    async fn happy(&mut self) -> Result<Found, RobotError> {
        let mut first = None;
        for is_new in [None, Some(true), Some(false)] {
            let errand = Errand {
                is_new,
                ..self.errand(Goal::Token)
            };
            let (end, seen) = self.visit(&Visit::default(), errand).await?;
            match end {
                End::Token(_) => return self.come_back(end, &seen).await,
                End::Page(text) => return Ok((Outcome::Page, text)),
                End::Wrong(_) => return Ok((Outcome::Wrong, end.told())),
                End::Error { .. } | End::Stays(_) => {}
            }
            first.get_or_insert(end);
        }
        let told = first.as_ref().map(End::told);
        Ok((Outcome::Refused, told.unwrap_or_default()))
    }

    /// Whoever signed up signs in.
    async fn come_back(&mut self, end: End, seen: &Seen) -> Result<Found, RobotError> {
        let has_signed_up = seen.has_pressed("createAccount");
        let (email, password) = (self.memory.get("email"), self.memory.get("newPassword"));
        let end = match (email, password) {
            (Some(email), Some(password)) if has_signed_up => {
                let name = self.memory.get("signInName");
                let name = name.filter(|name| !name.is_empty());
                let person = Person {
                    email: email.to_owned(),
                    user_name: name.unwrap_or(email).to_owned(),
                    password: password.to_owned(),
                    ..Person::known()
                };
                let visit = Visit {
                    about: "Signs in with the new account".to_owned(),
                    ..Visit::default()
                };
                let errand = Errand {
                    is_returning: true,
                    known: person,
                    ..self.errand(Goal::Token)
                };
                self.visit(&visit, errand).await?.0
            }
            _ => end,
        };
        Ok(match end {
            End::Token(_) => (Outcome::Done, "token".to_owned()),
            End::Page(text) => (Outcome::Page, text),
            End::Error { .. } | End::Stays(_) => (Outcome::Refused, end.told()),
            End::Wrong(_) => (Outcome::Wrong, end.told()),
        })
    }

    async fn refused(&mut self) -> Result<Found, RobotError> {
        for goal in [Goal::Refusal, Goal::ProviderRefusal] {
            let (end, _) = self.visit(&Visit::default(), self.errand(goal)).await?;
            match end {
                End::Stays(_) => return Ok((Outcome::Done, end.told())),
                End::Error { .. } if !end.is_cancel() => return Ok((Outcome::Done, end.told())),
                End::Wrong(_) => return Ok((Outcome::Wrong, end.told())),
                End::Token(_) | End::Error { .. } | End::Page(_) => {}
            }
        }
        let text = "nothing that the robot does is refused";
        Ok((Outcome::NoSuchWay, text.to_owned()))
    }

    async fn cancelled(&mut self) -> Result<Found, RobotError> {
        let (end, seen) = self
            .visit(&Visit::default(), self.errand(Goal::Cancel))
            .await?;
        let has_pressed = seen.has_pressed("cancel");
        Ok(match end {
            end if end.is_cancel() => (Outcome::Done, end.told()),
            end @ End::Wrong(_) => (Outcome::Wrong, end.told()),
            end if has_pressed => (Outcome::Wrong, format!("cancel leads to {}", end.told())),
            _ => (Outcome::NoSuchWay, "no page has a cancel button".to_owned()),
        })
    }

    async fn as_told(&mut self, visits: &[Visit]) -> Result<Found, RobotError> {
        let mut ends = Vec::new();
        for (number, visit) in visits.iter().enumerate() {
            let goal = match self.which {
                Which::Cancelled => Goal::Cancel,
                Which::Happy | Which::Refused => Goal::Token,
            };
            let errand = Errand {
                patience: match visit.message {
                    Some(_) => Patience::None,
                    None => Patience::Fields,
                },
                press: VecDeque::from(visit.press.clone()),
                typed: self.typed(visit),
                ..self.errand(goal)
            };
            let (end, seen) = self.visit(visit, errand).await?;
            let mut wrong = self.check().unlike(visit, &end, &seen);
            self.remember(&end);
            wrong.extend(self.check().not_in_directory(&visit.directory).await?);
            wrong.extend(self.check().not_called(&visit.calls).await?);
            if !wrong.is_empty() {
                let text = format!("visit {}: {}", number + 1, wrong.join("; "));
                return Ok((Outcome::Wrong, text));
            }
            ends.push(end.told());
        }
        Ok((Outcome::Done, ends.join("; then ")))
    }

    fn check(&self) -> Check<'_> {
        Check {
            desk: &self.ground.desk,
            memory: &self.memory,
        }
    }

    /// Later visits may name what the token had: `{{token.sub}}`.
    fn remember(&mut self, end: &End) {
        let End::Token(claims) = end else {
            return;
        };
        for (name, value) in claims {
            if let Some(text) = value.as_str() {
                self.memory.keep(&format!("token.{name}"), text);
            }
        }
    }

    fn typed(&self, visit: &Visit) -> BTreeMap<String, super::story::Typed> {
        let typed = visit.typed.iter();
        typed
            .map(|(id, typed)| (id.to_lowercase(), typed.clone()))
            .collect()
    }

    fn errand(&self, goal: Goal) -> Errand {
        Errand {
            goal,
            is_returning: false,
            is_new: None,
            patience: match goal {
                Goal::Token | Goal::Cancel | Goal::ProviderRefusal => Patience::All,
                Goal::Refusal => Patience::None,
            },
            press: VecDeque::new(),
            typed: BTreeMap::new(),
            known: Person::known(),
            new: Person::new(1 + u32::try_from(self.visits.len()).unwrap_or_default()),
        }
    }

    async fn visit(&mut self, visit: &Visit, errand: Errand) -> Result<(End, Seen), RobotError> {
        let began = Instant::now();
        let ground = self.ground;
        let policy = visit.policy.as_deref().unwrap_or(&ground.policy);
        let client_id = visit.client_id.as_deref().unwrap_or(&ground.client_id);
        let asked = Asked::new(client_id, policy);
        let metadata = Metadata::fetch(&ground.http, &ground.base, &ground.tenant, policy).await?;
        let more: Vec<(String, String)> = visit
            .request
            .iter()
            .map(|(name, value)| (name.clone(), self.memory.filled(value)))
            .collect();
        let request = metadata.request(&asked, &more);
        let mut memory = std::mem::take(&mut self.memory);
        let mut robot = Robot::new(
            &ground.http,
            &ground.desk,
            &metadata,
            &asked,
            &mut memory,
            errand,
        );
        let end = robot.walk(request).await;
        let mut seen = robot.seen;
        self.memory = memory;
        let end = end?;
        let trace = self.keep_trace(seen.journey.as_deref()).await?;
        self.visits.push(Visited {
            about: visit.about.clone(),
            end: end.told(),
            steps: std::mem::take(&mut seen.steps),
            trace,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        Ok((end, seen))
    }

    async fn keep_trace(&self, journey: Option<&str>) -> Result<Option<String>, RobotError> {
        let (Some(folder), Some(journey)) = (self.ground.traces, journey) else {
            return Ok(None);
        };
        let Some(trace) = self.ground.desk.trace(journey).await? else {
            return Ok(None);
        };
        let (name, which) = (&self.ground.name, self.which.name());
        let file = format!("{name}-{which}-{}.json", self.visits.len() + 1);
        let text = serde_json::to_string_pretty(&trace).unwrap_or_default();
        // A trace is an extra: the survey goes on without it.
        let written = std::fs::write(folder.join(&file), text);
        Ok(written.is_ok().then_some(file))
    }
}
